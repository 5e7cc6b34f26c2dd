//! The command lines of `server` and `client`, as a user meets them: the words,
//! the answers, the exit codes. Every table holds for every language's peer, and
//! [`peers`] says which are tested.

use interop::tls;

#[path = "../testing/certificates.rs"]
mod certificates;
mod peers;

mod usage;

mod calls;
mod secure;
mod serving;
