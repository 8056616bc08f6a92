//! Any bytes are a request to the running daemon or a refusal, each of which is one line; what is
//! asked for can be done, and what was written is read as the same.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use runmon::{
    control::{
        Peer, Request, carry_out,
        request::{line, parse_answer},
    },
    judge::Judge,
    rules::{Rules, embedded, load},
};

static RULES: LazyLock<Arc<Rules>> = LazyLock::new(|| Arc::new(load(&embedded()).rules));

const PEER: Peer = Peer { uid: 0, pid: 1 };

fuzz_target!(|bytes: &[u8]| {
    let done = Request::parse(bytes).map(|request| {
        let again = Request::parse(request.line().as_bytes());
        assert_eq!(again.as_ref(), Ok(&request), "a request is read as it was written");
        let mut judge = Judge::new(Arc::clone(&RULES));
        carry_out(&request, PEER, &mut judge, i64::MAX)
    });
    let answer = match done {
        Err(refusal) => Some(Err(refusal)),
        Ok(done) => done,
    };
    // A question is answered by the daemon, which knows more than the judge.
    let Some(answer) = answer else { return };
    let line = line(&answer);
    let (text, end) = line.split_at(line.len() - 1);
    assert!(end == "\n" && !text.contains('\n'), "an answer is one line");
    assert_eq!(parse_answer(line.as_bytes()), Some(answer), "and is read as it was written");
    // A client takes what comes from a socket as well.
    let _answer = parse_answer(bytes);
});
