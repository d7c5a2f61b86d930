//! One process under the supervisor: its streams and its end become messages.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;

use super::lifecycle::Awaited;
use super::lines::LineSplitter;
use super::readiness::{Seen, Watch, watch};
use super::supervisor::SuperviseOptions;
use super::tail::Tail;
use super::{LogLine, LogSink, OutputStream, ProcessName, RunError, Service};
use crate::engine::{Engine, EngineError, Io, Running, Signal, Status, Stream};

/// How much is read from a stream at once: what a pipe usually gives.
const CHUNK: usize = 16 << 10;

/// What the threads of the processes tell the supervisor. Numbers are those of the services.
pub(super) enum Message {
    /// daruma got a signal.
    Signal(Signal),
    /// A process ended.
    Ended(usize, Result<Status, EngineError>),
    /// One of its two streams did, after its last line was given.
    StreamClosed(usize),
    /// A line could not be given.
    SinkFailed,
    /// Its port accepts, or should have.
    Port(usize, Seen),
}

/// What every process is started with.
pub(super) struct Surroundings<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) sink: &'a Arc<dyn LogSink>,
    pub(super) sender: &'a Sender<Message>,
    pub(super) options: &'a SuperviseOptions,
}

/// A process that was started.
pub(super) struct Child<'a> {
    pub(super) service: &'a Service,
    pub(super) tail: Tail,
    pub(super) end: Option<End>,
    pub(super) open_streams: u8,
    signaller: Arc<dyn Fn(Signal) + Send + Sync>,
    watch: Option<Watch>,
}

impl<'a> Child<'a> {
    /// Starts the process and the threads that listen to it. On an error nothing runs, but messages with this number
    /// may still come.
    pub(super) fn start(
        number: usize,
        service: &'a Service,
        around: &Surroundings<'_>,
    ) -> Result<Self, RunError> {
        let watch = await_port(number, service, around)?;
        let started = around.engine.start(&service.job, PIPES);
        let running = started.map_err(|source| RunError::Start {
            process: service.name.to_string(),
            source,
        })?;
        let signaller = running.signaller();
        let tail = Tail::default();
        Ok(Self {
            service,
            open_streams: listen(number, &service.name, running, &tail, around)?,
            tail,
            end: None,
            signaller,
            watch,
        })
    }

    /// Sends a signal; nothing happens where the process ended.
    pub(super) fn signal(&self, signal: Signal) {
        (self.signaller)(signal);
    }

    /// Whether its port is still waited for.
    pub(super) fn awaited(&self) -> Awaited {
        match self.watch {
            Some(_) => Awaited::Yes,
            None => Awaited::No,
        }
    }

    /// Waits for its port no more.
    pub(super) fn stop_waiting(&mut self) {
        self.watch = None;
    }

    /// Whether it ended and all its lines were given.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() && self.open_streams == 0
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// So.
    Known(Status),
    /// The engine cannot tell.
    Unknown,
}

const PIPES: Io = Io {
    stdin: Stream::Null,
    stdout: Stream::Pipe,
    stderr: Stream::Pipe,
    terminal: false,
};

/// Starts a thread for each stream and one for the end; the number of streams.
fn listen(
    number: usize,
    name: &ProcessName,
    mut running: Box<dyn Running>,
    tail: &Tail,
    around: &Surroundings<'_>,
) -> Result<u8, RunError> {
    let out = running
        .stdout()
        .map(|source| (source, OutputStream::Stdout));
    let err = running
        .stderr()
        .map(|source| (source, OutputStream::Stderr));
    let mut open = 0;
    for (source, stream) in out.into_iter().chain(err) {
        let pump = Pump {
            number,
            name: name.clone(),
            stream,
            sink: Arc::clone(around.sink),
            tail: tail.clone(),
            sender: around.sender.clone(),
        };
        let splitter = LineSplitter::new(around.options.mask.clone());
        spawn(format!("{name} output"), move || pump.run(source, splitter))?;
        open += 1;
    }
    let sender = around.sender.clone();
    spawn(format!("{name} end"), move || {
        // The supervisor hears of the end only when everything of the job is gone.
        let status = running.wait();
        drop(running);
        let _ = sender.send(Message::Ended(number, status));
    })?;
    Ok(open)
}

fn await_port(
    number: usize,
    service: &Service,
    around: &Surroundings<'_>,
) -> Result<Option<Watch>, RunError> {
    let Some((port, _)) = service.awaited() else {
        return Ok(None);
    };
    let sender = around.sender.clone();
    let tell = move |seen| {
        let _ = sender.send(Message::Port(number, seen));
    };
    watch(port, around.options.ready_warning, tell)
        .map(Some)
        .map_err(RunError::Thread)
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<(), RunError> {
    let thread = thread::Builder::new().name(name).spawn(run);
    thread.map(drop).map_err(RunError::Thread)
}

/// Carries one stream to the sink.
struct Pump {
    number: usize,
    name: ProcessName,
    stream: OutputStream,
    sink: Arc<dyn LogSink>,
    tail: Tail,
    sender: Sender<Message>,
}

impl Pump {
    /// Reads to the end even where nobody takes the lines, so that the process never blocks for that.
    fn run(self, mut source: Box<dyn Read + Send>, mut splitter: LineSplitter) {
        let mut failed = false;
        let mut buffer = vec![0; CHUNK];
        let mut emit = |line: &[u8]| failed = failed || !self.give(line);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => splitter.push(&buffer[..count], &mut emit),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A terminal's other side reports its end as an error (EIO).
                Err(_) => break,
            }
        }
        splitter.finish(&mut emit);
        let _ = self.sender.send(Message::StreamClosed(self.number));
    }

    fn give(&self, bytes: &[u8]) -> bool {
        self.tail.push(bytes);
        let line = LogLine {
            process: &self.name,
            stream: self.stream,
            bytes,
        };
        let given = self.sink.line(line).is_ok();
        if !given {
            let _ = self.sender.send(Message::SinkFailed);
        }
        given
    }
}
