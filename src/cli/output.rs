//! Prints results: lines and columns for people, JSON for programs.

use std::io::{self, Write};

use serde::Serialize;

/// The destination and the format of results.
pub(super) struct Output<'a> {
    pub(super) to: &'a mut (dyn Write + Send),
    pub(super) json: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(to: &'a mut (dyn Write + Send), json: bool) -> Self {
        Self { to, json }
    }

    /// Prints one object: as JSON, or as the text that `words` makes of it.
    pub(super) fn one<T: Serialize>(
        &mut self,
        thing: &T,
        words: impl FnOnce(&T) -> String,
    ) -> io::Result<()> {
        if self.json { self.print_json(thing) } else { writeln!(self.to, "{}", words(thing)) }
    }

    /// Prints a list: as a JSON array, or as columns with headings.
    pub(super) fn list<T: Serialize, const N: usize>(
        &mut self,
        things: &[T],
        heads: [&str; N],
        cells: impl Fn(&T) -> [String; N],
    ) -> io::Result<()> {
        if self.json {
            return self.print_json(things);
        }
        let rows: Vec<[String; N]> = things.iter().map(cells).collect();
        let heads = heads.map(str::to_owned);
        let all: Vec<&[String]> =
            std::iter::once(heads.as_slice()).chain(rows.iter().map(<[_; N]>::as_slice)).collect();
        self.to.write_all(columns(&all).as_bytes())
    }

    fn print_json<T: Serialize + ?Sized>(&mut self, thing: &T) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *self.to, thing)?;
        writeln!(self.to)
    }
}

/// Aligns the cells of rows in columns, two spaces apart; an empty cell shows a hyphen.
pub(super) fn columns(rows: &[&[String]]) -> String {
    let count = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count().max(1)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, &width) in row.iter().zip(&widths) {
            let cell = if cell.is_empty() { "-" } else { cell };
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
