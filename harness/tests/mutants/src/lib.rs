//! Peers with one planted defect each, and what the harness makes of them.
//!
//! `mutant` is the list of them. The binary `mutant-peer` is the peer: a correct stack,
//! from frames to services, that deviates at one place when it is told to. The binary
//! `mutants` runs all of them against the reference peer and prints which were found.

pub mod mutant;
pub mod planted;
