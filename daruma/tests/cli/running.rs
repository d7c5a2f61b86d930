//! Apps that run: until when, on which ports, and what is left of them.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::Command;

use insta::assert_snapshot;
use rustix::process::Signal;

use crate::background::{Background, free_port, get, nothing_is_left, processes};
use crate::shop::Shop;

const PAGE: &str = "HTTP/1.0 200 OK\r\n\r\ndaruma sells dolls\n";

#[test]
fn a_page_is_answered_and_ctrl_c_ends_all() {
    let Some(shop) = Shop::open() else { return };
    let port = free_port();
    let mut app = Background::start(&shop.bench, &["start", "-p", &port.to_string()]);
    app.wait_for("web process will be available");
    assert_eq!(get(port), PAGE);
    app.wait_for("asked");
    let running = processes(&shop.bench).join("\n");
    assert!(
        running.contains("sleep 600") && running.contains("server.pl"),
        "the search finds what runs: {running}"
    );
    assert_snapshot!(shop.run(&["ps"]), @"
    exit code 0
    --- stdout
    shop-[ID]  web  PORT=[PORT]  [SHORT]  pid [PID]
    shop-[ID]  cli  PORT=[PORT]  [SHORT]  pid [PID]
    ");
    assert_eq!(
        shop.run(&["exec", "sh", "-c", "echo $PORT"]).stdout,
        format!("{port}\n")
    );
    assert_snapshot!(shop.run(&["start"]), @"
    exit code 1
    --- stderr
    error: cannot start shop-[ID]: it runs already as pid [PID] (`daruma stop` ends it)
    ");
    app.signal(Signal::INT);
    let end = app.end().failure(130);
    assert_eq!(end.stdout, "web | listening\nweb | asked\n");
    let (_, said) = end
        .stderr
        .split_once("web started")
        .expect("after the build");
    let mut said: Vec<&str> = said.lines().skip(3).collect();
    said.sort_unstable();
    assert_snapshot!(said.join("\n"), @"
    cli was ended by signal 15
    interrupted; stopping web, cli (up to 10 s)
    web was ended by signal 15
    ");
    nothing_is_left(&shop.bench);
    assert_snapshot!(shop.run(&["ps", "--json"]), @"
    exit code 0
    --- stdout
    []
    ");
}

#[test]
fn a_port_of_the_host_leads_to_the_apps_own() {
    let Some(shop) = Shop::open() else { return };
    let [outer, inner] = [free_port(), free_port()];
    for host in [outer.to_string(), format!("127.0.0.1:{outer}")] {
        let mut app = Background::start(
            &shop.bench,
            &["start", "web", "-p", &format!("{host}:{inner}")],
        );
        app.wait_for(&format!("http://localhost:{outer}/"));
        assert_eq!((get(outer).as_str(), get(inner).as_str()), (PAGE, PAGE));
        app.signal(Signal::TERM);
        assert_eq!(app.end().code(), 143);
        nothing_is_left(&shop.bench);
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_its_holder() {
    let Some(mut shop) = Shop::open() else { return };
    shop.build();
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holder.local_addr().expect("its number").port().to_string();
    let exe = std::env::current_exe().expect("this test");
    let name = exe
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    // The kernel keeps 15 bytes of a process's name.
    let name = &name[..name.len().min(15)];
    shop.bench = shop.bench.hide(name, "[THIS]").hide(&port, "[PORT]");
    assert_snapshot!(shop.run(&["start", "-p", &port]), @"
    exit code 1
    --- stderr
    error: cannot use port [PORT]: `[THIS]` (pid [PID]) listens on it; choose another with `-p PORT`
    ");
    assert_snapshot!(shop.run(&["start", "-p", &format!("{port}:4000")]), @"
    exit code 1
    --- stderr
    error: cannot use port [PORT]: `[THIS]` (pid [PID]) listens on it; choose another with `-p PORT`
    ");
    assert_snapshot!(shop.run(&["start", "-p", "4000:4000", "-p", "4000:4001"]), @"
    exit code 2
    --- stderr
    error: cannot use these ports: 127.0.0.1:[PORT] is forwarded, and `web` listens on 4000 itself
    ");
    nothing_is_left(&shop.bench);
}

#[test]
fn the_first_failure_ends_the_rest_and_is_the_exit_code() {
    let Some(shop) = Shop::open() else { return };
    shop.bench
        .write("Procfile", "job: ./fail\nidle: sleep 600\n");
    shop.bench
        .write_script("fail", "#!/bin/sh\necho the shelf fell >&2\nexit 3\n");
    shop.build();
    assert_snapshot!(shop.run(&["start"]), @"
    exit code 3
    --- stdout
    job  | the shelf fell
    --- stderr
    job started with PORT=3100
    idle started with PORT=3200
    job exited with 3; stopping idle (up to 10 s)
    job exited with 3
    idle was ended by signal 15
    ");
    nothing_is_left(&shop.bench);
    assert_snapshot!(shop.run(&["start", "job"]), @"
    exit code 3
    --- stdout
    job | the shelf fell
    --- stderr
    job started with PORT=3100
    job exited with 3
    ");
    assert_snapshot!(shop.run(&["start", "jbo"]), @"
    exit code 2
    --- stderr
    error: cannot start `jbo`: no such process; declared are job, idle (did you mean `job`?)
    ");
}

#[test]
fn a_web_process_that_never_listens_is_a_failure_with_its_last_lines() {
    let Some(shop) = Shop::open() else { return };
    shop.bench
        .write_script("server.pl", "#!/bin/sh\necho no dolls today\n");
    shop.build();
    assert_snapshot!(shop.run(&["start", "-p", &free_port().to_string()]), @"
    exit code 1
    --- stdout
    web | no dolls today
    --- stderr
    web started with PORT=[PORT]
    cli started with PORT=[PORT]
    web exited with 0
    web exited with 0 before it accepted connections; stopping cli (up to 10 s)
    cli was ended by signal 15
    error: `web` ended before anything accepted connections on its port; its last lines:
      no dolls today
    ");
    shop.bench.write("Procfile", "web: ./missing\n");
    shop.build();
    assert_snapshot!(shop.run(&["start", "-p", &free_port().to_string()]), @"
    exit code 127
    --- stdout
    web | daruma: cannot run `./missing`: there is no such file
    --- stderr
    Procfile:1: no package is known for `missing`; it must be in the source or in [runner] packages
    web started with PORT=[PORT]
    web exited with 127
    error: `web` ended before anything accepted connections on its port; its last lines:
      daruma: cannot run `./missing`: there is no such file
    ");
    nothing_is_left(&shop.bench);
}

#[test]
fn when_all_end_well_the_app_has_ended_well() {
    let Some(shop) = Shop::open() else { return };
    shop.bench.write(
        "Procfile",
        "one: echo first\ntwo: echo second\nrelease: echo released\n",
    );
    shop.build();
    let outcome = shop.run(&["start"]).success();
    let mut lines: Vec<&str> = outcome.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one | first", "two | second"]);
    assert_eq!(
        shop.run(&["start", "release"]).success().stdout,
        "release | released\n"
    );
    nothing_is_left(&shop.bench);
}

#[test]
fn a_second_ctrl_c_kills_what_does_not_listen() {
    let Some(shop) = Shop::open() else { return };
    shop.bench.write("Procfile", "deaf: ./deaf\n");
    shop.bench.write_script(
        "deaf",
        "#!/bin/sh\ntrap '' TERM INT\necho ready\nwhile :; do sleep 1; done\n",
    );
    shop.build();
    let mut app = Background::start(&shop.bench, &["start", "--grace", "600"]);
    app.wait_for("ready");
    app.signal(Signal::INT);
    app.wait_for("stopping deaf");
    app.signal(Signal::INT);
    assert_snapshot!(app.end(), @"
    exit code 130
    --- stdout
    deaf | ready
    --- stderr
    deaf started with PORT=3100
    interrupted; stopping deaf (up to 600 s)
    killing deaf
    deaf was ended by signal 9
    ");
    nothing_is_left(&shop.bench);
}

#[test]
fn stop_ends_an_app_and_says_so() {
    let Some(shop) = Shop::open() else { return };
    shop.build();
    let port = free_port().to_string();
    let mut app = Background::start(&shop.bench, &["start", "-p", &port]);
    app.wait_for("web process will be available");
    assert_snapshot!(shop.run(&["stop"]), @"
    exit code 0
    --- stderr
    shop (pid [PID]) ended
    ");
    assert_eq!(app.end().code(), 143);
    nothing_is_left(&shop.bench);
    assert_snapshot!(shop.run(&["stop"]), @"
    exit code 1
    --- stderr
    error: cannot stop shop-[ID]: it does not run
    ");
}

#[test]
fn a_killed_daruma_leaves_nothing_and_the_app_starts_again() {
    let Some(shop) = Shop::open() else { return };
    shop.build();
    for _ in 0..3 {
        let port = free_port();
        let mut app = Background::start(&shop.bench, &["start", "-p", &port.to_string()]);
        app.wait_for("web process will be available");
        assert_eq!(get(port), PAGE);
        app.signal(Signal::KILL);
        assert_eq!(app.end().code(), 137);
        nothing_is_left(&shop.bench);
    }
    assert_eq!(shop.run(&["ps"]).stdout, "");
    shop.run(&["gc"]).success();
    crate::store::verify(&shop.bench.cache());
}

#[test]
fn one_command_has_the_callers_streams_and_its_own_code() {
    let Some(shop) = Shop::open() else { return };
    shop.bench.write("Procfile", "web: ./server.pl\n");
    shop.bench.write(".env", "MOOD=good\n");
    shop.build();
    assert_snapshot!(shop.run(&["exec", "--", "false"]), @"exit code 1");
    assert_snapshot!(shop.run(&["exec", "sh", "-c", "pwd; echo $MOOD; echo aside >&2; exit 7"]), @"
    exit code 7
    --- stdout
    /app
    good
    --- stderr
    aside
    ");
    assert_snapshot!(shop.run(&["exec", "sh", "-c", "kill -KILL $$"]), @"exit code 137");
    assert_snapshot!(shop.run(&["exec", "frobnicate"]), @"
    exit code 127
    --- stderr
    daruma: cannot run `frobnicate`: it is nowhere in PATH
    ");
    assert_snapshot!(shop.run(&["exec", "./Procfile"]), @"
    exit code 126
    --- stderr
    daruma: cannot run `./Procfile`: Permission denied (os error 13)
    ");
    assert_snapshot!(shop.run(&["exec", "--process", "wbe", "true"]), @"
    exit code 2
    --- stderr
    error: no process `wbe` is declared; there is web
    ");
    assert_snapshot!(shop.run(&["exec", "env"]), @"
    exit code 0
    --- stdout
    HOME=/app
    LANG=C.UTF-8
    MOOD=good
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    ");
    let megabyte = vec![b'x'; 1 << 20];
    assert!(
        shop.bench
            .run_with(&["exec", "cat"], &megabyte)
            .success()
            .stdout
            .as_bytes()
            == megabyte
    );
    nothing_is_left(&shop.bench);
}

#[test]
fn a_shell_takes_its_commands_from_a_pipe() {
    let Some(shop) = Shop::open() else { return };
    shop.build();
    assert_snapshot!(shop.bench.run_with(&["shell"], b"id -u; pwd; ls\nexit 4\n"), @"
    exit code 4
    --- stdout
    1000
    /app
    Procfile
    server.pl
    ");
    assert_snapshot!(shop.bench.run_with(&["shell", "runner"], b"id -u; pwd\n"), @"
    exit code 0
    --- stdout
    0
    /
    ");
    shop.declare("[runner]\nbase = \"none\"\n");
    shop.bench.write("Procfile", "web: ./server.pl\n");
    assert_snapshot!(shop.bench.run_with(&["shell"], b"id\n"), @"
    exit code 1
    --- stderr
    wrote daruma.lock (3 packages)
    step 3 runner image: runner package base-files is gone: 13.8 ([SHORT]), and 6 more
    step 3 runner image done in [TIME]
    step 4 app images: runner: [SHORT] → [SHORT], and 2 more
    step 4 app images done in [TIME]
    error: this image has no shell
    hint: add `dash` to [runner] packages
    ");
    nothing_is_left(&shop.bench);
}

#[test]
fn signals_reach_a_one_off_command() {
    let Some(shop) = Shop::open() else { return };
    shop.build();
    let script = "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let mut command = Background::start(&shop.bench, &["exec", "sh", "-c", script]);
    command.wait_for("ready");
    assert!(command.pid() > 0);
    command.signal(Signal::TERM);
    assert_snapshot!(command.end(), @"
    exit code 5
    --- stdout
    ready
    got it
    ");
    nothing_is_left(&shop.bench);
}

#[test]
fn an_ordinary_user_runs_apps_too() {
    let Some(shop) = Shop::open() else { return };
    if !rustix::process::getuid().is_root() {
        println!(
            "skipped: only root can become another user; as one, all other tests say the same"
        );
        return;
    }
    shop.bench
        .write("Procfile", "web: ./server.pl\ncli: sleep 0.1\n");
    let owner = Command::new("chown")
        .args(["-R", "12345:12345"])
        .arg(shop.bench.path(""))
        .status();
    assert!(owner.expect("chown").success());
    let run = |args: &[&str]| {
        let mut command = shop.bench.command(args);
        command.uid(12_345).gid(12_345);
        shop.bench.finish(command)
    };
    assert_snapshot!(run(&["exec", "-q", "sh", "-c", "id; pwd; touch made; ls"]), @"
    exit code 0
    --- stdout
    uid=1000(app) gid=1000(app) groups=1000(app)
    /app
    Procfile
    made
    server.pl
    ");
    assert_snapshot!(run(&["start", "-q", "cli"]), @"exit code 0");
    nothing_is_left(&shop.bench);
}
