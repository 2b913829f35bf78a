//! HTTP: routes, health, the customer page.
