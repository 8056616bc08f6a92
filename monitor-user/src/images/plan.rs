//! Which images could go: a plan, and nothing that follows it.
//!
//! An image stays for any reason that there is. What could not be read is one.

use super::{DAY_NS, Except, Image, LastUse, Store, Users, Witness};

/// What is asked of an image that may go.
#[derive(Clone, Debug)]
pub struct Terms {
    /// Days for which nobody used it.
    pub unused_for_days: u32,
    /// Days for which it is here.
    pub min_age_days: u32,
    /// What is to stay.
    pub except: Vec<Except>,
    /// A kubelet is here, which removes images itself.
    pub has_kubelet: bool,
    /// Now, nanoseconds since 1970.
    pub now_ns: i64,
}

/// What is to become of an image.
#[derive(Clone, Debug)]
pub struct Decision<'s> {
    /// Who keeps it.
    pub store: &'s Store,
    /// It.
    pub image: &'s Image,
    /// Whether it may go.
    pub removes: bool,
    /// Why it stays, each reason that there is; or why it may go.
    pub reasons: Vec<String>,
}

/// What is to become of each image.
#[must_use]
pub fn plan<'s>(stores: &'s [Store], witness: &Witness, terms: &Terms) -> Vec<Decision<'s>> {
    let users = Users::of(stores);
    // An engine that cannot be read could use what another one keeps.
    let lacks: Vec<&str> = stores.iter().flat_map(|it| &it.lacks).map(String::as_str).collect();
    let all = stores.iter().flat_map(|store| store.images.iter().map(move |image| (store, image)));
    all.map(|(store, image)| {
        let last = witness.last_use(image);
        let mut reasons = kept(image, &users, &last, terms);
        if let Some(first) = lacks.first() {
            reasons.push(format!("what is used is not all known: {first}"));
        }
        let removes = reasons.is_empty();
        if let (true, Ok(since)) = (removes, &last.quiet_since_ns) {
            let days = terms.now_ns.saturating_sub(*since) / DAY_NS;
            reasons.push(format!("no container is of it, and none was seen for {days} days"));
        }
        Decision { store, image, removes, reasons }
    })
    .collect()
}

/// Why an image stays, whatever else is known.
fn kept(image: &Image, users: &Users<'_>, last: &LastUse, terms: &Terms) -> Vec<String> {
    let mut why = Vec::new();
    let used_by = users.of_image(image);
    if let Some(first) = used_by.first() {
        let more = match used_by.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        why.push(format!("container {}{more} is of it", first.title()));
    }
    if image.is_pinned {
        why.push("its engine is told to keep it".to_owned());
    }
    if image.is_pause() || used_by.iter().any(|it| it.is_sandbox) {
        why.push("pods stand on it".to_owned());
    }
    if image.id.is_empty() {
        why.push("it is not all here: by which names containers know it cannot be told".to_owned());
    }
    let days = |at: i64| terms.now_ns.saturating_sub(at) / DAY_NS;
    match image.arrived_ns {
        Some(at) if days(at) < i64::from(terms.min_age_days) => {
            why.push(format!("it is here for less than {} days", terms.min_age_days));
        }
        None => why.push("since when it is here is not known".to_owned()),
        Some(_) => {}
    }
    if let Some(except) = terms.except.iter().find(|it| it.matches(image)) {
        why.push(format!("excepted by `{}`", except.text()));
    }
    match &last.quiet_since_ns {
        Err(reason) if used_by.is_empty() => {
            why.push(format!("when it was used last is not known: {reason}"));
        }
        Ok(since) if !last.is_unused_for(terms.unused_for_days, terms.now_ns) => {
            let days = days(*since);
            why.push(format!("only for {days} days it is certain that nobody used it"));
        }
        _ => {}
    }
    if terms.has_kubelet {
        why.push("a kubelet is here, which removes images itself".to_owned());
    }
    why
}
