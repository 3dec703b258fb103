//! Field, curve, hash and signature of the venue's transactions.
