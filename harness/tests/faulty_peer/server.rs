//! A server that announces itself and sends requests back, but for one fault.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use clap::{Args, ValueEnum};

use crate::misdeed::{die, flood, hang, ignore_sigterm, leave_a_grandchild};

#[derive(Args)]
pub(crate) struct Server {
    fault: Fault,
    /// The case with which a fault in a call shows; all of them if there is none.
    #[arg(long, value_name = "CASE")]
    on: Option<String>,
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// Do not print the ready line.
    #[arg(long)]
    silent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Fault {
    None,

    // From the start.
    NeverReady,
    ExitsAtStart,
    ClosesStdout,
    BadAddress,
    HostileAddress,
    NotTheReadyLineFirst,
    Floods,

    // In a call.
    Dies,
    Hangs,
    StopsListening,
    HangsUp,
    AnswersWrongly,

    // At the end.
    IgnoresSigterm,
    LeavesAGrandchild,
    ExitsWithAnError,
}

impl Server {
    pub(crate) fn run(self) {
        match self.fault {
            Fault::NeverReady => hang(),
            Fault::ExitsAtStart => die(),
            Fault::ClosesStdout => {
                nix::unistd::dup2_stdout(io::stderr()).unwrap();
                hang();
            }
            Fault::IgnoresSigterm => ignore_sigterm(),
            _ => {}
        }
        let fault = self.fault;
        let listener = TcpListener::bind(&self.listen).unwrap();
        if !self.silent {
            announce(fault, listener.local_addr().unwrap().to_string());
        }
        thread::spawn(move || self.serve(listener));
        if fault == Fault::Floods {
            flood(io::stderr()).unwrap();
            flood(io::stdout()).unwrap();
        }
        // The end of stdin means: stop.
        io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
        match fault {
            Fault::IgnoresSigterm => hang(),
            Fault::LeavesAGrandchild => leave_a_grandchild(),
            Fault::ExitsWithAnError => die(),
            _ => {}
        }
    }

    fn serve(self, listener: TcpListener) {
        let server = Arc::new(self);
        let mut listener = Some(listener);
        while let Some(open) = &listener {
            let (stream, _) = open.accept().unwrap();
        }
    }
}
