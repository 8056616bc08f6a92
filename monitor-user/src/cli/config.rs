//! The arguments of `runmon config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check a configuration, and the rules that it names, without starting anything
    ///
    /// What `runmon run` would refuse is refused, with the place and the nearest key that there is.
    Check(ConfigFileArgs),
    /// Show the configuration in force: the file, what RUNMON__ variables override, and defaults
    ///
    /// What is shown is a configuration itself. Values of headers, and users and passwords in
    /// addresses are hidden.
    Show(ConfigShowArgs),
    /// Write the JSON Schema of the configuration, for editors
    ///
    /// With the YAML language server: runmon config schema > runmon.schema.json, and as the first
    /// line of the configuration: # yaml-language-server: $schema=runmon.schema.json
    Schema,
}

/// Which configuration.
#[derive(Debug, Args)]
pub struct ConfigFileArgs {
    /// The file; without it /etc/runmon/config.yaml, if that is there
    pub file: Option<PathBuf>,
}

/// `config show`.
#[derive(Debug, Args)]
pub struct ConfigShowArgs {
    /// The file; without it /etc/runmon/config.yaml, if that is there
    pub file: Option<PathBuf>,
    /// Write it as JSON
    #[arg(long)]
    pub json: bool,
}
