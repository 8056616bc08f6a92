//! The rules that runmon brings along, as files in the binary.

use monitor_rules::RuleFile;

/// A file of `rules/`, by its path there.
macro_rules! shipped {
    ($($path:literal,)+) => {
        /// The shipped rules, named as in the source tree.
        #[must_use]
        pub fn embedded() -> Vec<RuleFile<'static>> {
            vec![$(RuleFile {
                name: concat!("rules/", $path),
                bytes: include_bytes!(concat!("../../../rules/", $path)),
            },)+]
        }
    };
}

shipped! {
    "command_and_control/dropped_program_connects_out.yaml",
    "command_and_control/shell_connects_out.yaml",
    "credential_access/metadata_asked_by_tool.yaml",
    "credential_access/sensitive_write_refused_in_container.yaml",
    "defense_evasion/decoded_script_run.yaml",
    "defense_evasion/library_preloaded_from_shared_folder.yaml",
    "defense_evasion/deleted_program_in_container.yaml",
    "execution/drift_in_container.yaml",
    "defense_evasion/fileless_program.yaml",
    "execution/netcat_runs_shell.yaml",
    "execution/program_in_shared_folder.yaml",
    "execution/reverse_shell.yaml",
    "execution/shell_from_server.yaml",
    "execution/terminal_shell_in_container.yaml",
    "impact/connection_to_miner_pool.yaml",
    "impact/miner_command_line.yaml",
    "macros.yaml",
    "persistence/account_file_written.yaml",
    "persistence/preload_file_written.yaml",
    "persistence/program_folder_written.yaml",
    "persistence/ssh_keys_written.yaml",
    "persistence/start_file_written.yaml",
    "persistence/static_pod_written.yaml",
    "privilege_escalation/kernel_switch_written_from_container.yaml",
    "privilege_escalation/raw_disk_written_from_container.yaml",
    "privilege_escalation/runtime_socket_used_from_container.yaml",
}
