//! Crosswire runs every gRPC client against every gRPC server and says which
//! pairs agree, which do not, and which side is to blame.
//!
//! The modules stand in the order of the pipeline:
//!
//! `manifest → suites → plan → run (script, child, driver, tap) → observe → rules, judge → report`
//!
//! A module uses those above it, never one below; only `command` joins the stages.
//! `plan`, `wire`, `outcome`, `rules`, `judge` and `trace` are pure. Only `output`, `guard`,
//! `certificates`, `script`, `child`, `driver`, `tap`, `report` and the loaders do input and
//! output; the runner sends events and never prints.

pub mod exit;
pub mod output;
pub mod text;

pub mod address;
pub mod input;
pub mod mark;
pub mod pattern;
pub mod role;

pub mod contract;
pub mod feature;
pub mod identity;
pub mod manifest;
pub mod suite;

pub mod filter;
pub mod plan;

pub mod certificates;

pub mod wire;

pub mod observe;

mod protobuf;

pub mod outcome;

pub mod script;

pub mod guard;

pub mod child;

pub mod driver;

pub mod tap;

pub mod rules;

pub mod finding;
pub mod known;

pub mod event;

pub mod lag;

pub mod run;

pub mod judge;

pub mod trace;

pub mod results;

pub mod report;

pub mod project;
pub mod schema;

pub mod command_line;

pub mod command;
