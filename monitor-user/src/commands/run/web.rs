//! The web page of the daemon, if there is to be one. A daemon without it watches all the same.

use crate::{
    commands::say,
    config::Config,
    control::Inside,
    daemon::{CountedOutlet, Daemon},
};

/// The page, on its place.
pub(super) struct WebPage {
    #[cfg(feature = "web")]
    page: crate::web::Page,
    #[cfg(feature = "web")]
    history: crate::web::History,
}

/// Takes the place while that can be done, and says how the page is opened.
#[cfg(feature = "web")]
pub(super) fn open_page(config: &Config, name: &str) -> Option<WebPage> {
    let listen = config.web_listen.as_ref()?;
    match crate::web::Page::open(listen, &config.run_dir, name) {
        Ok(page) => {
            let at = page.address();
            say(&format!("the web page is at {at}; `runmon web` tells with which token"));
            Some(WebPage { page, history: history(config, name) })
        }
        Err(error) => {
            say(&format!("there is no web page: {listen:?}: {error}"));
            None
        }
    }
}

/// The store, as long as whoever opens it may enter all above it.
#[cfg(feature = "web")]
fn history(config: &Config, name: &str) -> crate::web::History {
    if !config.history {
        return Err("`history: false`: nothing is kept".to_owned());
    }
    let looked = crate::store::past::Looked::at(&crate::commands::store_path(config, name));
    looked.map_err(|error| format!("the store cannot be read: {error}"))
}

/// Says that it was left out, where it is asked for.
#[cfg(not(feature = "web"))]
pub(super) fn open_page(config: &Config, _name: &str) -> Option<WebPage> {
    if config.web_listen.is_some() {
        say("there is no web page: this runmon was built without it");
    }
    None
}

/// Answers from now on, where there is a page and a way to the line.
#[cfg(feature = "web")]
pub(super) fn serve<O: CountedOutlet>(
    page: Option<WebPage>,
    line: Option<Inside>,
    daemon: &mut Daemon<O>,
) {
    let (Some(WebPage { page, history }), Some(line)) = (page, line) else { return };
    let stats = page.stats();
    match page.serve(line, history) {
        Ok(()) => daemon.count_web(Box::new(move || stats.counters())),
        Err(error) => say(&format!("there is no web page: {error}")),
    }
}

/// Nothing: there is none.
#[cfg(not(feature = "web"))]
pub(super) fn serve<O: CountedOutlet>(
    _page: Option<WebPage>,
    _line: Option<Inside>,
    _daemon: &mut Daemon<O>,
) {
}
