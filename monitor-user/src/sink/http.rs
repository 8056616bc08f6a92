//! HTTP POST of one JSON document at a time. A document counts as delivered when the receiver has
//! answered with 2xx; until then it is tried again, and those behind it wait. What waits in the
//! store is tried for as long as it is there.

use std::time::Duration;

#[cfg(test)]
mod tests;

use super::{
    Intake, SinkError,
    tries::{Answer, End, Tries},
};

const ANSWER: Duration = Duration::from_secs(5);

/// Where to, and how long a document is tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpOptions {
    /// The receiver, `http://…` or `https://…`.
    pub url: String,
    /// Headers besides the content type.
    pub headers: Vec<(String, String)>,
    /// After this time a document is given up, and counted as dropped; None: after
    /// [`GIVE_UP_SECONDS`](crate::limits::GIVE_UP_SECONDS) where documents wait in memory, and
    /// never where they are in the store.
    pub give_up: Option<Duration>,
}

/// Headers that say how the body is sent: a second one would contradict it.
const OWN_HEADERS: [&str; 3] = ["content-length", "content-type", "transfer-encoding"];

/// A header of the form `Name: value` that can be sent, or what is wrong with it.
pub fn header(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(format!("{text:?} is not of the form `Name: value`"));
    };
    let (name, value) = (name.trim(), value.trim());
    let is_token = ureq::http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    if !is_token {
        return Err(format!("{name:?} is no name of a header: use letters, digits and `-`"));
    }
    if OWN_HEADERS.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(format!("`{name}` is set by runmon itself: leave it out"));
    }
    if ureq::http::HeaderValue::from_str(value).is_err() {
        return Err(format!("the value of `{name}` may have no control characters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// A ready HTTP sink.
pub struct HttpSink {
    options: HttpOptions,
    agent: ureq::Agent,
}

impl HttpSink {
    /// Checks the address. The receiver need not be there yet.
    pub fn open(name: &str, options: HttpOptions) -> Result<Self, SinkError> {
        let known = ["http://", "https://"].iter().any(|scheme| options.url.starts_with(scheme));
        if !known || options.url.parse::<ureq::http::Uri>().is_err() {
            let what = format!("`{}` is no http:// or https:// address", options.url);
            return Err(SinkError::Address { name: name.to_owned(), what });
        }
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER))
            .http_status_as_error(false)
            // A redirect is not an acknowledgement, and following one would turn POST into GET.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .build();
        Ok(Self { options, agent: config.into() })
    }

    /// Sends until there are no more documents, or until the monitor ends and they do not go.
    pub fn run(self, mut intake: Intake) {
        let mut tries = Tries::new(self.options.url.clone(), self.options.give_up);
        while let Some(bodies) = intake.receive_one() {
            let end = tries.deliver_each(bodies.iter(), &intake, |body| self.post(body));
            if end == End::Kept {
                return;
            }
            intake.done(end == End::Delivered);
        }
    }

    fn post(&self, body: &[u8]) -> Answer {
        let mut request =
            self.agent.post(&self.options.url).header("content-type", "application/json");
        for (name, value) in &self.options.headers {
            request = request.header(name, value);
        }
        match request.send(body) {
            Ok(response) => meaning(response.status().as_u16()),
            Err(error) => Answer::Later(error.to_string()),
        }
    }
}

/// 4xx is the document's fault, except where the receiver asks for time or is set up wrongly.
fn meaning(status: u16) -> Answer {
    match status {
        200..=299 => Answer::Taken,
        401 | 403 | 404 | 408 | 425 | 429 => Answer::Later(format!("status {status}")),
        400..=499 => Answer::Refused(format!("status {status}")),
        _ => Answer::Later(format!("status {status}")),
    }
}
