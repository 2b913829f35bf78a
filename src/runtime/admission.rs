//! Who may open what, how often: limits per address, per tenant and per session.
