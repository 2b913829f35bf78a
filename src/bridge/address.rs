//! JIDs and localparts: parsing, normalising, and whose they are.
