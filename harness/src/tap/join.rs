//! Joins the two ends of a connection, with the fault that there may be.

use super::{
    fault,
    line::{Line, Outcome, Socket, both},
};
use crate::{
    role::Role,
    suite::{Cut, Fault},
    wire::transcript::Closing,
};

impl Line {
    /// Passes everything on, with the fault that there may be, until both directions
    /// have ended, or one broke.
    pub(super) async fn join<C: Socket, S: Socket>(
        &self,
        mut client: C,
        mut server: S,
        fault: Option<&Fault>,
    ) {
        let outcome = {
            let (client_reads, client_writes) = client.halves();
            let (server_reads, server_writes) = server.halves();
            let up = self.way(Role::Client, client_reads, server_writes);
            let down = self.way(Role::Server, server_reads, client_writes);
            match fault {
                None => both(up.pass(), down.pass(), || {}).await,
                Some(fault) if fault.of == Role::Client => fault::join(fault, up, down).await,
                Some(fault) => fault::join(fault, down, up).await,
            }
        };
        if let Outcome::Cut(_) = outcome
            && let Some(away) = fault.and_then(|fault| fault.away)
        {
            self.leave(away).await;
        }
        match outcome {
            Outcome::Finished => {}
            Outcome::Cut(Cut::Close) => {
                self.cut(Closing::End);
                fault::close(client, server).await;
            }
            Outcome::Broke | Outcome::Cut(Cut::Reset) => {
                if matches!(outcome, Outcome::Cut(_)) {
                    self.cut(Closing::Abort);
                }
                // The two ends of one connection break together.
                client.abort();
                server.abort();
            }
        }
    }
}
