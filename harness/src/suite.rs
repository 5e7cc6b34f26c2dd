//! Suites: cases as data. Files are read as plain values, their shorthand is
//! expanded, and every case is checked against the `.proto` and the contract.

mod call;
mod case;
mod channel;
mod class;
mod code;
mod each;
mod expand;
mod expect;
mod fault;
mod http2;
mod json;
mod load;
mod problem;
mod program;
mod schema;
mod script;
mod send;
mod table;
mod tls;

pub use call::{Call, CallOptions, Compression, Method};
pub use case::{Case, CaseHead, Suite};
pub use channel::{Channel, Place as AddressPlace, ServiceConfig};
pub use class::{Allowed, Extent};
pub use code::{Code, allowed_in_words};
pub use expect::{Approx, Expect, Seen};
pub use fault::{Action, Cut, Fault, LastStream, PING_DATA, Position};
pub use http2::{ErrorCode, Settings};
pub use json::message_value;
pub use load::{load, load_protos, programs};
pub use program::ProgramRun;
pub use schema::schema;
pub use script::{
    AnyOf, Awaited, Beside, Codes, Ending, EndingKind, Habit, Script, Step, StreamRef,
    TIME_AFTER_DEADLINE,
};
pub use send::{CallStep, RequestMessage};
pub use tls::{ClientCertificate, Tls, TlsTap, Trust};
