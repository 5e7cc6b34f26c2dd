//! The harness as a client.

use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{link::Link, play::play};
use crate::{
    observe::{Played, Stalled, Waited},
    outcome::{allows, may_still_come},
    suite::{Beside, Call, Ending, Script},
};

/// Plays a client's script against a server, until an allowed outcome is there, nothing
/// more can come, or the call's timeout is over.
pub async fn play_client(target: &str, script: &Script, call: &Call) -> Played {
    let until = Instant::now() + call.timeout;
    let scripted = async {
        match connect(target, until).await {
            Ok(stream) => run(Link::new(stream, script), script, call, until).await,
            Err(why) => not_connected(why),
        }
    };
    let Some(beside) = &script.beside else { return scripted.await };
    // The second one shows that the server has come to no harm.
    let (mut played, first) = tokio::join!(scripted, call_beside(target, beside, call));
    played.beside = vec![first, call_beside(target, beside, call).await];
    played
}

async fn run(mut link: Link, script: &Script, call: &Call, until: Instant) -> Played {
    let stalled = play(&mut link, &script.steps, until, |_, _| {}).await.err();
    let endings: Vec<&Ending> = script.endings.iter().collect();
    wait_for_end(&mut link, &endings, call, until).await;
    Played { stalled, ..link.seen }
}

async fn call_beside(target: &str, beside: &Beside, call: &Call) -> Played {
    let until = Instant::now() + beside.limit;
    let stream = match connect(target, until).await {
        Ok(stream) => stream,
        Err(why) => return not_connected(why),
    };
    let mut link = Link::ordinary(stream);
    let stalled = play(&mut link, &beside.steps, until, |_, _| {}).await.err();
    wait_for_end(&mut link, &[&beside.ending], call, until).await;
    Played { stalled, ..link.seen }
}

/// Reads until one of these outcomes is there or none can come any more: what the other side
/// answers to a last question, it says after all that it makes of what came before.
async fn wait_for_end(link: &mut Link, endings: &[&Ending], call: &Call, until: Instant) {
    loop {
        let is_enough = endings.iter().any(|ending| allows(ending, &call.method, &link.seen));
        let last_stream = link.seen.last_stream;
        let are_over = || {
            let mut streams = endings.iter().flat_map(|ending| ending.streams(last_stream));
            streams.all(|stream| link.is_stream_over(stream))
        };
        let awaits_connection = || endings.iter().any(|ending| may_still_come(ending, &link.seen));
        let are_over = are_over();
        if is_enough || link.is_over() || (are_over && !awaits_connection()) {
            return;
        }
        if are_over {
            link.ask_last();
        }
        let end = link.end_of_all().filter(|_| are_over);
        if timeout_at(end.map_or(until, |end| end.min(until)), link.read()).await.is_err() {
            link.seen.is_late = end.is_none();
            return;
        }
    }
}

async fn connect(target: &str, until: Instant) -> Result<TcpStream, String> {
    match timeout_at(until, TcpStream::connect(target)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the time was over".to_owned()),
    }
}

fn not_connected(why: String) -> Played {
    let waited = Waited::Connection(Some(why));
    let stalled = Stalled { step: None, waited, instead: Vec::new(), is_late: false };
    Played { stalled: Some(stalled), is_closed: true, ..Played::default() }
}
