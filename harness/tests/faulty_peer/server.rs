//! A server that announces itself and sends requests back, but for one fault.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    thread,
};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::misdeed::{
    HOSTILE, WRONG, block_sigterm, die, flood, hang, hang_in_spite_of, hang_with_stdout_closed,
    leave_a_daemon, leave_a_grandchild,
};

#[derive(Args)]
pub(crate) struct Server {
    fault: Fault,
    /// The case with which a fault in a call shows; every case if there is none.
    #[arg(long, value_name = "CASE")]
    on: Option<String>,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: String,
    /// Print no ready line.
    #[arg(long)]
    silent: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Fault {
    None,

    // At the start.
    NeverReady,
    ExitsAtStart,
    ClosesStdout,
    AnnouncesNoAddress,
    AnnouncesHostileText,
    PrintsGarbage,

    // In a call.
    Dies,
    DiesHavingAnswered,
    DiesHavingHungUp,
    Hangs,
    HangsUp,
    StopsListening,
    AnswersWrongly,
    Floods,

    // When asked to stop.
    IgnoresSigterm,
    LeavesAGrandchild,
    LeavesADaemon,
    ExitsWithAnError,
}

impl Server {
    pub(crate) fn run(self) {
        let sigterm = block_sigterm();
        let fault = self.fault;
        match fault {
            Fault::NeverReady => hang(),
            Fault::ExitsAtStart => die(),
            Fault::ClosesStdout => hang_with_stdout_closed(),
            Fault::PrintsGarbage => println!("INFO starting\n{{\"ready\":{{\"port\":1}}}}\n{{oops"),
            _ => {}
        }
        let listener = TcpListener::bind(&self.listen).unwrap();
        if !self.silent {
            self.announce(&listener);
        }
        thread::spawn(move || self.serve(listener));
        if let Fault::IgnoresSigterm = fault {
            hang_in_spite_of(sigterm, "server");
        }
        sigterm.wait().unwrap();
        match fault {
            Fault::LeavesAGrandchild => leave_a_grandchild(),
            Fault::LeavesADaemon => leave_a_daemon(),
            Fault::ExitsWithAnError => die(),
            _ => {}
        }
    }

    fn announce(&self, listener: &TcpListener) {
        let address = match self.fault {
            Fault::AnnouncesNoAddress => "here".to_owned(),
            Fault::AnnouncesHostileText => HOSTILE.to_owned(),
            _ => listener.local_addr().unwrap().to_string(),
        };
        println!("{}", json!({ "ready": { "address": address } }));
    }

    fn serve(self, listener: TcpListener) {
        let mut unanswered = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            // What connects and says nothing is the harness, looking whether we live.
            let _ = BufReader::new(&stream).read_line(&mut line);
            let Some((case, request)) = line.trim_end().split_once(' ') else { continue };
            let mut answer = request;
            if self.on.as_deref().is_none_or(|on| on == case) {
                match self.fault {
                    Fault::Dies => die(),
                    Fault::DiesHavingHungUp => {
                        drop(stream);
                        let _ = listener.accept();
                        die();
                    }
                    Fault::Hangs => {
                        unanswered.push(stream);
                        continue;
                    }
                    Fault::HangsUp => continue,
                    Fault::StopsListening => {
                        drop(listener);
                        return;
                    }
                    Fault::DiesHavingAnswered => {
                        let _ = writeln!(stream, "{answer}");
                        die();
                    }
                    Fault::AnswersWrongly => answer = WRONG,
                    Fault::Floods => flood(),
                    _ => {}
                }
            }
            // A client that has left has had enough.
            let _ = writeln!(stream, "{answer}");
        }
    }
}
