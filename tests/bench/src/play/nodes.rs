//! Three nodes on one link: one owns it, the others hold sockets and forward.

use super::{Arguments, promise};
use crate::load::drive::Plan;
use crate::report::{Line, Report, say};
use crate::stage::{Stage, Subject};
use crate::world::World;

pub(crate) fn run(world: &World, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    if !arguments.plays("nodes") || !arguments.measures("ours") {
        return Ok(());
    }
    say(&format!("{}: three nodes", world.kind.name()));
    let mut stage = Stage::start(world, "nodes", arguments.agents, 3)?;
    let (voices, _) = stage.customers(arguments.customers, 100)?;
    stage.once(Subject::Ours, &voices, 50)?;
    for run in 0..arguments.either(1, 3) {
        let plan = Plan::Closed(arguments.window);
        let stretch = stage.drive(Subject::Ours, &voices, plan, (1.0, arguments.seconds()))?;
        let line = Line::new("saturate", world.kind.name(), "ours, three nodes", run);
        report.put(line.stretch(&stretch))?;
    }
    promise(&stage, Subject::Ours, report)
}
