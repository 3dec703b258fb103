//! Findings about plans.
