//! The HTTP client against a server that misbehaves.

#![allow(clippy::print_stderr)] // A test that skips says so.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daruma::http::{
    Checksum, Client, Credential, Download, HttpError, Method, Payload, Proxies, Request, Scheme,
    Settings, Timing, Url,
};
use testkit::{Fault, Server};

/// Long enough for a loopback, short enough for a test of what never comes.
fn quick() -> Timing {
    Timing {
        connect: Duration::from_secs(2),
        first_byte: Duration::from_millis(400),
        idle: Duration::from_millis(400),
        hedge_after: Duration::from_millis(100),
        attempts: 3,
        backoff: Duration::from_millis(5),
        patience: Duration::from_secs(2),
    }
}

fn client() -> Client {
    Client::new(Settings {
        timing: quick(),
        ..Settings::default()
    })
}

fn url(server: &Server, path: &str) -> Url {
    server.url(path).parse().expect("url")
}

/// The text of an error, without the port that differs from run to run.
fn told<T: std::fmt::Debug>(server: &Server, outcome: Result<T, HttpError>) -> String {
    let error = outcome.expect_err("an error");
    error
        .to_string()
        .replace(&server.address().port().to_string(), "PORT")
}

fn body() -> Vec<u8> {
    (0..300_000_u32).map(|n| (n * 7 % 251) as u8).collect()
}

#[test]
fn what_a_server_does_wrong_is_told_in_one_line() {
    for (fault, expected) in [
        (
            Fault::Hang,
            "cannot get http://127.0.0.1:PORT/f: no answer within 0 s",
        ),
        (
            Fault::HangAfter(10),
            "cannot get http://127.0.0.1:PORT/f: no more bytes within 0 s",
        ),
        (
            Fault::CutAfter(10),
            "cannot get http://127.0.0.1:PORT/f: the connection was cut after 10 bytes",
        ),
        (
            Fault::Status(404, None),
            "cannot get http://127.0.0.1:PORT/f: the server answered 404",
        ),
        (
            Fault::Status(503, None),
            "cannot get http://127.0.0.1:PORT/f: the server answered 503",
        ),
        (
            Fault::Redirect("/f".to_owned()),
            "cannot get http://127.0.0.1:PORT/f: more than 5 redirects",
        ),
        (
            Fault::Redirect("file:///etc/passwd".to_owned()),
            "cannot follow the redirect from http://127.0.0.1:PORT/f: it leads to no web address",
        ),
        (
            Fault::Length(1 << 40),
            "cannot get http://127.0.0.1:PORT/f: it is larger than 1000 bytes",
        ),
        (
            Fault::Instead(vec![0; 1001]),
            "cannot get http://127.0.0.1:PORT/f: it is larger than 1000 bytes",
        ),
        (
            Fault::NoLength,
            "cannot get http://127.0.0.1:PORT/f: it is larger than 1000 bytes",
        ),
    ] {
        let server = Server::empty();
        server.put("/f", vec![1; 2000]);
        if matches!(fault, Fault::HangAfter(_) | Fault::CutAfter(_)) {
            server.put("/f", vec![1; 900]);
        }
        server.fault("/f", fault.clone());
        let outcome = client().fetch(&Request::get(url(&server, "/f")), 1000);
        assert_eq!(told(&server, outcome), expected, "{fault:?}");
    }
}

#[test]
fn faults_that_pass_are_outlived() {
    for fault in [
        Fault::Status(503, None),
        Fault::Status(429, Some("1")),
        Fault::CutAfter(10),
        Fault::Hang,
        Fault::HangAfter(100),
    ] {
        let server = Server::empty();
        server.put("/f", body());
        server.fault_times("/f", fault.clone(), 1);
        let fetched = client().fetch(&Request::get(url(&server, "/f")), 1 << 20);
        assert_eq!(fetched.expect("fetched").bytes, body(), "{fault:?}");
    }
}

#[test]
fn a_request_without_an_answer_is_raced_by_a_second_one() {
    let server = Server::empty();
    server.put("/f", body());
    server.fault_times("/f", Fault::Hang, 1);
    let timing = Timing {
        first_byte: Duration::from_secs(60),
        idle: Duration::from_secs(60),
        attempts: 1,
        ..quick()
    };
    let client = Client::new(Settings {
        timing,
        ..Settings::default()
    });
    assert!(
        client
            .fetch(&Request::get(url(&server, "/f")), 1 << 20)
            .is_ok()
    );
    assert_eq!(server.count("/f"), 2);
}

#[test]
fn secrets_stay_with_their_server_and_out_of_every_text() {
    let (first, second) = (Server::empty(), Server::empty());
    first.fault("/f", Fault::Redirect(second.url("/g?sig=s3cret")));
    second.put("/g", "");
    let credential = Credential {
        scheme: Scheme::Http,
        host: "127.0.0.1".to_owned(),
        port: Some(first.address().port()),
        path: "/f".to_owned(),
        user: "u".to_owned(),
        password: "s3cret".to_owned(),
    };
    let client = Client::new(Settings {
        timing: quick(),
        credentials: vec![credential],
        ..Settings::default()
    });
    client
        .fetch(&Request::get(url(&first, "/f")), 10)
        .expect("with auth.conf");
    let with_user: Url = first
        .url("/f")
        .replace("http://", "http://u:s3cret@")
        .parse()
        .expect("url");
    client
        .fetch(&Request::get(with_user.clone()), 10)
        .expect("with user");
    let bearer = Request::get(url(&first, "/f")).secret_header("Authorization", "Bearer s3cret");
    client.fetch(&bearer, 10).expect("with bearer");
    assert!(
        first
            .take_log()
            .iter()
            .all(|hit| hit.headers.contains_key("authorization"))
    );
    assert!(
        second
            .take_log()
            .iter()
            .all(|hit| !hit.headers.contains_key("authorization"))
    );
    second.fault("/g", Fault::Status(403, None));
    let error = client
        .fetch(&Request::get(with_user), 10)
        .expect_err("refused");
    let text = format!("{error} {error:?} {client:?} {bearer:?}");
    assert!(!text.contains("s3cret"), "{text}");
}

#[test]
fn plain_http_goes_through_a_proxy_in_absolute_form() {
    let proxy = Server::empty();
    proxy.put("/f", "from the proxy");
    let address = format!("http://me:pw@{}", proxy.address());
    let proxies = Proxies::from_lookup(|name| (name == "http_proxy").then(|| address.clone()))
        .expect("proxies");
    let client = Client::new(Settings {
        timing: quick(),
        proxies,
        ..Settings::default()
    });
    let target: Url = "http://mirror.invalid/f".parse().expect("url");
    for _ in 0..2 {
        let fetched = client
            .fetch(&Request::get(target.clone()), 100)
            .expect("fetched");
        assert_eq!(fetched.bytes, b"from the proxy");
    }
    let log = proxy.take_log();
    assert_eq!(log[0].target, "http://mirror.invalid/f");
    assert_eq!(
        log[0].headers.get("host").map(String::as_str),
        Some("mirror.invalid")
    );
    assert_eq!(
        log[0]
            .headers
            .get("proxy-authorization")
            .map(String::as_str),
        Some("Basic bWU6cHc=")
    );
}

#[test]
fn unchanged_content_is_not_sent_again() {
    let server = Server::empty();
    server.put("/f", body());
    let first = client()
        .fetch(&Request::get(url(&server, "/f")), 1 << 20)
        .expect("fetched");
    let again = Request::get(url(&server, "/f")).unless_unchanged(first.etag.as_deref(), None);
    let second = client().fetch(&again, 1 << 20).expect("asked");
    assert_eq!((second.status, second.bytes.len()), (304, 0));
}

#[test]
fn payloads_arrive_and_are_not_sent_twice_at_once() {
    let server = Server::empty();
    server.put("/up", "ok");
    server.fault("/up", Fault::Slow(1, Duration::from_millis(150)));
    let request =
        Request::new(Method::Put, url(&server, "/up")).payload(Payload::Bytes(b"hello"[..].into()));
    client().fetch(&request, 10).expect("sent");
    let log = server.take_log();
    assert_eq!(log.len(), 1);
    assert_eq!(
        (log[0].method.as_str(), &log[0].body[..]),
        ("PUT", &b"hello"[..])
    );
}

#[test]
fn an_unknown_host_and_a_closed_port_are_told_apart() {
    let host: Url = "http://no-such-host.invalid/".parse().expect("url");
    let error = client()
        .fetch(&Request::get(host), 10)
        .expect_err("no host");
    assert!(matches!(error, HttpError::HostNotFound { .. }), "{error:?}");
    let port = Server::empty().url("/").parse().expect("url");
    let error = client()
        .fetch(&Request::get(port), 10)
        .expect_err("no server");
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
}

/// One download into a fresh directory, after `before` prepared the part file.
struct Case {
    server: Server,
    dir: tempfile::TempDir,
}

impl Case {
    fn new() -> Self {
        let server = Server::empty();
        server.put("/f", body());
        Self {
            server,
            dir: tempfile::tempdir().expect("tempdir"),
        }
    }

    fn item(&self) -> Download {
        Download {
            url: url(&self.server, "/f"),
            dest: self.dir.path().join("f"),
            size: body().len() as u64,
            sha256: Checksum::from_hex(&testkit::sha256(&body())).expect("hex"),
        }
    }

    fn part(&self, bytes: &[u8]) {
        std::fs::write(self.dir.path().join("f.part"), bytes).expect("written");
    }

    fn files(&self) -> BTreeMap<String, u64> {
        let entries = std::fs::read_dir(self.dir.path()).expect("dir");
        entries
            .map(|e| e.expect("entry"))
            .map(|e| {
                (
                    e.file_name().to_string_lossy().into_owned(),
                    e.metadata().expect("meta").len(),
                )
            })
            .collect()
    }
}

#[test]
fn a_download_takes_up_what_an_earlier_run_left() {
    let whole = body();
    let mut rotten = whole[..1000].to_vec();
    rotten[5] ^= 1;
    let too_long = vec![0; whole.len() + 1];
    for (left, fault, requests) in [
        (&whole[..1000], None, 1),
        (&whole[..], None, 0),
        (&rotten[..], None, 2),
        (&too_long[..], None, 1),
        (&whole[..1000], Some(Fault::NoRange), 1),
        (&whole[..1000], Some(Fault::CutAfter(500)), 2),
        (&[][..], Some(Fault::HangAfter(70_000)), 2),
    ] {
        let case = Case::new();
        case.part(left);
        if let Some(fault) = &fault {
            case.server.fault_times("/f", fault.clone(), 1);
        }
        client()
            .download(&case.item(), &|_| {})
            .expect("downloaded");
        assert_eq!(
            std::fs::read(case.dir.path().join("f")).expect("read"),
            whole
        );
        assert_eq!(case.files().len(), 1, "no part is left");
        assert_eq!(
            case.server.count("/f"),
            requests,
            "{} left, {fault:?}",
            left.len()
        );
    }
}

#[test]
fn a_download_that_cannot_be_right_leaves_nothing() {
    for (fault, expected) in [
        (Fault::Instead(vec![0; 300_000]), "its sha256 is"),
        (
            Fault::Instead(vec![0; 299_999]),
            "the server has 299999 bytes, 300000 were expected",
        ),
        (Fault::Length(300_001), "the server has 300001 bytes"),
        (Fault::Status(404, None), "the server answered 404"),
    ] {
        let case = Case::new();
        case.server.fault("/f", fault.clone());
        let text = told(&case.server, client().download(&case.item(), &|_| {}));
        assert!(text.contains(expected), "{text}");
        assert_eq!(case.files(), BTreeMap::new(), "{fault:?}");
    }
}

#[test]
fn a_download_that_breaks_off_keeps_its_start() {
    let case = Case::new();
    case.server.fault("/f", Fault::CutAfter(200_000));
    let mut starved = quick();
    starved.attempts = 1;
    let client = Client::new(Settings {
        timing: starved,
        ..Settings::default()
    });
    client.download(&case.item(), &|_| {}).expect_err("cut");
    assert_eq!(
        case.files(),
        BTreeMap::from([("f.part".to_owned(), 200_000)])
    );
}

#[test]
fn a_full_disk_is_told_and_nothing_is_kept() {
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        eprintln!("skipped: no /dev/full");
        return;
    }
    let case = Case::new();
    std::os::unix::fs::symlink(full, case.dir.path().join("f.part")).expect("link");
    let error = client().download(&case.item(), &|_| {}).expect_err("full");
    assert!(error.is_storage_full(), "{error:?}");
    assert_eq!(case.files(), BTreeMap::new());
}

#[test]
fn many_downloads_run_side_by_side_and_keep_their_order() {
    let case = Case::new();
    let items: Vec<Download> = (0..20)
        .map(|n| {
            let path = format!("/{n}");
            let bytes = format!("content {n}").into_bytes();
            case.server.put(&path, bytes.clone());
            Download {
                url: url(&case.server, &path),
                dest: case.dir.path().join(n.to_string()),
                size: bytes.len() as u64,
                sha256: Checksum::from_hex(&testkit::sha256(&bytes)).expect("hex"),
            }
        })
        .collect();
    case.server.remove("/7");
    let bytes = AtomicU64::new(0);
    let outcomes = client().download_all(&items, 8, &|n| {
        bytes.fetch_add(n, Ordering::SeqCst);
    });
    let failed: Vec<usize> = (0..20).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!(failed, [7]);
    let expected: u64 = items.iter().map(|i| i.size).sum::<u64>() - items[7].size;
    assert_eq!(bytes.load(Ordering::SeqCst), expected);
}

#[test]
fn two_downloads_of_one_file_share_the_work() {
    let case = Case::new();
    case.server
        .fault("/f", Fault::Slow(60_000, Duration::from_millis(30)));
    let item = case.item();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| client().download(&item, &|_| {}).expect("downloaded"));
        }
    });
    assert_eq!(case.server.count("/f"), 1);
    assert_eq!(case.files(), BTreeMap::from([("f".to_owned(), item.size)]));
}

#[test]
fn a_server_without_tls_and_a_proxy_that_refuses_are_told() {
    let server = Server::empty();
    let secure: Url = server
        .url("/f")
        .replace("http://", "https://")
        .parse()
        .expect("url");
    let error = client()
        .fetch(&Request::get(secure), 10)
        .expect_err("no TLS");
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
    let address = server.url("/");
    let proxies = Proxies::from_lookup(|name| (name == "https_proxy").then(|| address.clone()))
        .expect("proxies");
    let client = Client::new(Settings {
        timing: quick(),
        proxies,
        ..Settings::default()
    });
    let target: Url = "https://mirror.invalid/f".parse().expect("url");
    let error = client
        .fetch(&Request::get(target), 10)
        .expect_err("refused");
    assert!(matches!(error, HttpError::Connect { .. }), "{error:?}");
    let log = server.take_log();
    assert!(
        log.iter()
            .any(|hit| hit.method == "CONNECT" && hit.target == "mirror.invalid:443"),
        "{log:?}"
    );
}

/// `openssl s_server` with a certificate of its own making; `None` where there is no openssl.
fn tls_server(dir: &std::path::Path) -> Option<(std::process::Child, u16)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .ok()?
        .local_addr()
        .ok()?
        .port();
    let made = std::process::Command::new("openssl")
        .current_dir(dir)
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args([
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .output();
    made.ok().filter(|made| made.status.success())?;
    std::fs::write(dir.join("f"), "over TLS").ok()?;
    let server = std::process::Command::new("openssl")
        .current_dir(dir)
        .args([
            "s_server", "-quiet", "-WWW", "-cert", "cert.pem", "-key", "key.pem", "-accept",
        ])
        .arg(format!("127.0.0.1:{port}"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .ok()?;
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Some((server, port))
}

#[test]
fn a_certificate_counts_only_with_its_authority() {
    let dir = tempfile::tempdir().expect("tempdir");
    let Some((mut server, port)) = tls_server(dir.path()) else {
        eprintln!("skipped: no openssl");
        return;
    };
    let request = Request::get(format!("https://127.0.0.1:{port}/f").parse().expect("url"));
    let timing = Timing {
        first_byte: Duration::from_secs(20),
        idle: Duration::from_secs(20),
        hedge_after: Duration::from_secs(20),
        ..quick()
    };
    let mut settings = Settings {
        timing,
        ..Settings::default()
    };
    let stranger = Client::new(settings.clone()).fetch(&request, 100);
    settings.extra_ca_files = vec![dir.path().join("cert.pem")];
    let known = Client::new(settings).fetch(&request, 100);
    server.kill().expect("killed");
    server.wait().expect("ended");
    assert!(
        matches!(stranger, Err(HttpError::Tls { .. })),
        "{stranger:?}"
    );
    assert_eq!(known.expect("trusted").bytes, b"over TLS");
}
