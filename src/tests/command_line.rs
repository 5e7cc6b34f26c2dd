//! The command lines of `server` and `client`, as a user meets them: the words,
//! the answers, the exit codes. Every table holds for every language's peer, and
//! [`peers`] says which are tested.

mod peers;

mod usage;

mod calls;
mod serving;
