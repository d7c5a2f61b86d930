//! Readiness, taken ports and the proxy, on real sockets of the loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::bench::{LONG, Recorder, free_port, nothing, service, supervise, until, web};
use daruma::engine::Signal;
use daruma::run::{
    Cause, Forward, MAX_CONNECTIONS, Proxy, RunError, SignalTarget, SuperviseOptions,
};

/// Plays an app that begins to listen after `line` was seen, then stops it when it was called ready.
fn listen_after(line: &'static str, address: SocketAddr) -> impl Fn(&Recorder, &SignalTarget) {
    move |recorder, target| {
        recorder.wait_for(line);
        let _listener = TcpListener::bind(address).expect("bound");
        recorder.wait_for("* web process will be available at");
        target.send(Signal::Interrupt);
    }
}

#[test]
fn readiness_is_told_once_when_the_port_accepts_on_either_loopback() {
    for loopback in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        if TcpListener::bind(SocketAddr::new(loopback, 0)).is_err() {
            println!("skipped: this machine has no {loopback}");
            continue;
        }
        let port = free_port();
        let act = listen_after("web | up", SocketAddr::new(loopback, port));
        let services = [web(port, "echo up; exec sleep 60")];
        let (outcome, seen) = supervise(&services, SuperviseOptions::default(), act);
        assert_eq!(
            outcome.expect("ran").cause,
            Cause::Signal(Signal::Interrupt)
        );
        let line = format!("* web process will be available at http://localhost:{port}/");
        assert_eq!(
            seen.0.iter().filter(|seen| **seen == line).count(),
            1,
            "{seen:?}"
        );
    }
}

#[test]
fn an_overdue_process_gets_a_warning_and_may_get_ready_yet() {
    let port = free_port();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let act = listen_after("* web does not accept connections", address);
    let options = SuperviseOptions {
        ready_warning: Duration::from_millis(100),
        ..SuperviseOptions::default()
    };
    let (outcome, seen) = supervise(&[web(port, "exec sleep 60")], options, act);
    assert_eq!(outcome.expect("ran").cause.code(), 130);
    let warning = format!(
        "* web does not accept connections on port {port} after 0 s; PORT={port} was set in its environment"
    );
    assert!(seen.has(&warning), "{seen:?}");
}

#[test]
fn web_that_ends_before_it_is_ready_is_a_failure_with_its_last_lines() {
    for (exit, code) in [(0, 1), (5, 5)] {
        let script = format!("echo booting; echo no database >&2; exit {exit}");
        let services = [
            web(free_port(), &script),
            service("worker", "exec sleep 60"),
        ];
        let (outcome, _) = supervise(&services, SuperviseOptions::default(), nothing);
        let outcome = outcome.expect("ran");
        assert!(
            matches!(outcome.cause, Cause::NeverReady { .. }),
            "{outcome:?}"
        );
        assert_eq!(outcome.cause.code(), code);
        assert!(
            outcome.last_lines.contains(&"no database".to_owned()),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_taken_port_is_told_before_anything_starts() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let port = taken.local_addr().expect("an address").port();
    let services = [web(port, "echo started")];
    let (outcome, seen) = supervise(&services, SuperviseOptions::default(), nothing);
    let error = outcome.expect_err("refused").to_string();
    let end = format!(
        "(pid {}) listens on it; choose another with `-p PORT`",
        std::process::id()
    );
    assert!(
        error.starts_with(&format!("cannot use port {port}: `")),
        "{error}"
    );
    assert!(error.ends_with(&end), "{error}");
    assert!(seen.0.is_empty(), "{seen:?}");
}

/// An app that answers a connection, once its request has ended, with the request and a mark.
fn echo_after_end() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bound");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    if stream.read_to_end(&mut request).is_ok() {
        request.extend_from_slice(b" and back");
        let _ = stream.write_all(&request);
    }
}

fn proxy_to(port: u16) -> Proxy {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Proxy::start(&Forward { listen, to: port }).expect("started")
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("connected");
    stream.set_read_timeout(Some(LONG)).expect("set");
    stream
}

fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(request).expect("written");
    stream.shutdown(Shutdown::Write).expect("half-closed");
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).expect("read");
    reply
}

#[test]
fn the_proxy_passes_the_end_of_one_direction_on_and_keeps_the_other_open() {
    let proxy = proxy_to(echo_after_end());
    assert_eq!(ask(proxy.address(), b"there"), b"there and back");
    let big = vec![b'x'; 3 << 20];
    assert_eq!(
        ask(proxy.address(), &big).len(),
        big.len() + b" and back".len()
    );
}

#[test]
fn more_connections_than_the_limit_are_served_one_after_another() {
    let proxy = proxy_to(echo_after_end());
    let address = proxy.address();
    // All of the limit are open and idle, so that what comes then must wait for one of them to end.
    let mut idle: Vec<TcpStream> = (0..MAX_CONNECTIONS).map(|_| connect(address)).collect();
    for stream in &mut idle {
        stream.write_all(b"idle").expect("written");
    }
    let late = thread::spawn(move || ask(address, b"late"));
    for mut stream in idle {
        stream.shutdown(Shutdown::Write).expect("half-closed");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).expect("read");
        assert_eq!(reply, b"idle and back");
    }
    assert_eq!(late.join().expect("joined"), b"late and back");
}

#[test]
fn the_end_of_the_proxy_closes_its_connections_and_its_port() {
    let proxy = proxy_to(echo_after_end());
    let address = proxy.address();
    let mut open = connect(address);
    open.write_all(b"never ended").expect("written");
    drop(proxy);
    // Closed or reset, but not left hanging.
    match open.read_to_end(&mut Vec::new()) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    until(|| TcpStream::connect(address).is_err().then_some(()));
}

#[test]
fn a_connection_before_the_app_listens_is_closed() {
    let proxy = proxy_to(free_port());
    let mut stream = connect(proxy.address());
    assert_eq!(stream.read_to_end(&mut Vec::new()).expect("closed"), 0);
}

#[test]
fn forwards_work_while_the_app_runs_and_a_taken_one_is_an_error() {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let options = SuperviseOptions {
        forwards: vec![Forward {
            listen,
            to: echo_after_end(),
        }],
        ..SuperviseOptions::default()
    };
    let act = move |recorder: &Recorder, target: &SignalTarget| {
        recorder.wait_for("web | up");
        assert_eq!(ask(listen, b"x"), b"x and back");
        target.send(Signal::Interrupt);
    };
    let services = [service("web", "echo up; exec sleep 60")];
    let (outcome, _) = supervise(&services, options.clone(), act);
    assert_eq!(outcome.expect("ran").cause.code(), 130);
    let _taken = until(|| TcpListener::bind(listen).ok());
    let (outcome, _) = supervise(&services, options, nothing);
    assert!(
        matches!(outcome, Err(RunError::PortTaken { .. })),
        "{outcome:?}"
    );
}
