//! The step graph a plan compiles to.
