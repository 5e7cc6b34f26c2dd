//! Suites: cases as data. Files are read as plain values, their shorthand is
//! expanded, and every case is checked against the `.proto` and the contract.

mod case;
mod code;
mod expand;
mod fault;
mod load;
mod tls;

pub use case::{Approx, Call, Case, Compression, Expect, Method, Seen, Suite};
pub use code::Code;
pub use fault::{Action, Cut, ErrorCode, Fault, LastStream, Position};
pub use load::{load, load_protos};
pub use tls::{ClientCertificate, Tls, TlsTap, Trust};
