//! Two requests where one is stuck: the first answer wins.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// Runs `make` on a thread; where it has not ended after `patience`, runs it a second time beside the first.
/// The first success is returned; the first failure where none succeeds. A loser is left to end by its own time limits.
pub(super) fn race<T, E, F>(patience: Duration, make: F) -> Result<T, E>
where
    T: Send + 'static,
    E: Send + 'static,
    F: Fn() -> Result<T, E> + Clone + Send + 'static,
{
    let (sender, receiver) = mpsc::channel();
    let spawn = || {
        let (sender, make) = (sender.clone(), make.clone());
        thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || sender.send(make()).ok())
            .is_ok()
    };
    if !spawn() {
        // No thread to be had: the request itself still can be made.
        return make();
    }
    match receiver.recv_timeout(patience) {
        Ok(outcome) => return outcome,
        Err(RecvTimeoutError::Timeout) => {}
        Err(RecvTimeoutError::Disconnected) => return make(),
    }
    let rivals = if spawn() { 2 } else { 1 };
    let mut failure = None;
    for _ in 0..rivals {
        match receiver.recv() {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => failure = failure.or(Some(error)),
            Err(_) => break,
        }
    }
    failure.map_or_else(make, Err)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_stuck_request_is_overtaken_by_a_second_one() {
        let made = Arc::new(AtomicU32::new(0));
        let outcome: Result<u32, ()> = race(Duration::from_millis(20), move || {
            let number = made.fetch_add(1, Ordering::SeqCst);
            if number == 0 {
                thread::sleep(Duration::from_secs(20));
            }
            Ok(number)
        });
        assert_eq!(outcome, Ok(1));
    }

    #[test]
    fn a_quick_failure_is_an_answer() {
        let outcome: Result<(), &str> = race(Duration::from_secs(20), || Err("no"));
        assert_eq!(outcome, Err("no"));
    }
}
