use std::time::Duration;

use tonic::transport::Server;

/// What a server is told of its connections; without a word, it is as the library has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// How old one may become.
    pub max_age: Option<Duration>,
    /// How long its calls may go on after that.
    pub max_age_grace: Option<Duration>,
    /// How long it may be silent before a PING is sent.
    pub keepalive: Option<Duration>,
    /// How long the answer may take.
    pub keepalive_wait: Option<Duration>,
    /// How often a client may send PINGs. Only what stands around the library keeps count.
    pub ping_interval: Option<Duration>,
}

impl Connections {
    /// Has the library do it.
    pub(super) fn told<L>(self, server: Server<L>) -> Server<L> {
        let server = match self.max_age {
            Some(age) => server.max_connection_age(age),
            None => server,
        };
        let server = match self.max_age_grace {
            Some(grace) => server.max_connection_age_grace(grace),
            None => server,
        };
        let server = match self.keepalive {
            Some(time) => server.http2_keepalive_interval(Some(time)),
            None => server,
        };
        server.http2_keepalive_timeout(self.keepalive_wait)
    }
}
