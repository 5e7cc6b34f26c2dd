//! x
pub mod contract;
pub mod exit;
pub mod filter;
pub mod input;
pub mod known;
pub mod manifest;
pub mod pattern;
pub mod plan;
pub mod suite;
pub mod text;
