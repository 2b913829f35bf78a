//! The fields of forms that say more about an argument than a single text.
//!
//! A command without a form here gets one text field for its argument.

/// A field of the form for an argument, where a client shows forms. What is filled in, joined by
/// blanks in the order of the fields, is what follows the command's word.
#[derive(Debug)]
pub struct FormField {
    pub var: &'static str,
    pub label: &'static str,
    pub asks: Asks,
    pub required: bool,
}

/// What a field of a form asks for.
#[derive(Debug)]
pub enum Asks {
    /// An agent or a queue, from a list.
    Target,
    /// An agent, from a list.
    Agent,
    /// A queue, from a list.
    Queue,
    /// One line.
    Line,
    /// A text of several lines.
    Text,
    /// One of these: the value, how it is shown, and what it adds to the argument.
    Choice(&'static [(&'static str, &'static str, &'static str)]),
}

/// The form of `!priority`.
pub(super) static PRIORITY: [FormField; 1] = [FormField {
    var: "priority",
    label: "Priority",
    asks: Asks::Choice(&[
        ("normal", "normal", "normal"),
        ("high", "high", "high"),
        ("urgent", "urgent", "urgent"),
        ("low", "low", "low"),
    ]),
    required: true,
}];

/// The form of `!transfer`.
pub(super) static TRANSFER: [FormField; 3] = [
    FormField {
        var: "how",
        label: "How",
        asks: Asks::Choice(&[
            ("ask", "Ask; it stays yours until it is taken", ""),
            ("anyway", "Ask even if they are away or full", "anyway"),
            ("now", "Give it up at once", "now"),
        ]),
        required: true,
    },
    FormField { var: "to", label: "To", asks: Asks::Target, required: true },
    FormField {
        var: "note",
        label: "Note, for your colleague (may be empty)",
        asks: Asks::Text,
        required: false,
    },
];

/// The form of `!note`.
pub(super) static NOTE: [FormField; 1] =
    [FormField { var: "note", label: "Note, for agents only", asks: Asks::Text, required: true }];

/// The form of `!no`.
pub(super) static DECLINE: [FormField; 1] = [FormField {
    var: "reason",
    label: "Reason, for your colleagues (may be empty)",
    asks: Asks::Line,
    required: false,
}];

/// The form of `!close`.
pub(super) static CLOSE: [FormField; 1] = [FormField {
    var: "words",
    label: "Said to the customer first (may be empty; #tags tag it)",
    asks: Asks::Text,
    required: false,
}];
