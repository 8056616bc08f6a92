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
    "macros.yaml",
    "command_and_control/connection_to_anonymizing_proxy.yaml",
    "command_and_control/connection_to_irc_server.yaml",
    "command_and_control/disallowed_ssh_connection_non_standard_port.yaml",
    "command_and_control/downloaded_script_run.yaml",
    "command_and_control/dropped_program_connects_out.yaml",
    "command_and_control/interpreted_procs_inbound_network_activity.yaml",
    "command_and_control/interpreted_procs_outbound_network_activity.yaml",
    "command_and_control/launch_ingress_remote_file_copy_tools_in_container.yaml",
    "command_and_control/many_long_names_asked.yaml",
    "command_and_control/network_connection_outside_local_subnet.yaml",
    "command_and_control/program_run_with_disallowed_http_proxy_env.yaml",
    "command_and_control/shell_connects_out.yaml",
    "command_and_control/ssh_tunnel_opened.yaml",
    "command_and_control/suspicious_download.yaml",
    "command_and_control/system_procs_network_activity.yaml",
    "command_and_control/unexpected_name.yaml",
    "command_and_control/unexpected_udp_traffic.yaml",
    "credential_access/contact_cloud_metadata_service_from_container.yaml",
    "credential_access/contact_ec2_instance_metadata_service_from_container.yaml",
    "credential_access/create_hardlink_over_sensitive_files.yaml",
    "credential_access/create_symlink_over_sensitive_files.yaml",
    "credential_access/directory_traversal_monitored_file_read.yaml",
    "credential_access/find_aws_credentials.yaml",
    "credential_access/kubeconfig_read_with_tool.yaml",
    "credential_access/metadata_asked_by_tool.yaml",
    "credential_access/packet_socket_created_in_container.yaml",
    "credential_access/password_file_read_with_tool.yaml",
    "credential_access/read_environment_variable_from_proc_files.yaml",
    "credential_access/read_sensitive_file_trusted_after_startup.yaml",
    "credential_access/read_sensitive_file_untrusted.yaml",
    "credential_access/read_ssh_information.yaml",
    "credential_access/search_private_keys_or_passwords.yaml",
    "credential_access/sensitive_write_refused_in_container.yaml",
    "credential_access/service_account_token_read.yaml",
    "credential_access/unexpected_secret.yaml",
    "defense_evasion/clear_log_activities.yaml",
    "defense_evasion/code_not_of_the_image_loaded.yaml",
    "defense_evasion/create_hidden_files_or_directories.yaml",
    "defense_evasion/decoded_script_run.yaml",
    "defense_evasion/delete_or_rename_shell_history.yaml",
    "defense_evasion/deleted_program_in_container.yaml",
    "defense_evasion/fileless_execution_via_memfd_create.yaml",
    "defense_evasion/image_built_on_node.yaml",
    "defense_evasion/library_preloaded_from_shared_folder.yaml",
    "defense_evasion/log_removed_with_tool.yaml",
    "defense_evasion/monitor_bpf_program_reached.yaml",
    "defense_evasion/monitor_map_reached.yaml",
    "defense_evasion/monitor_signalled.yaml",
    "defense_evasion/monitor_traced.yaml",
    "defense_evasion/protection_switched_off.yaml",
    "defense_evasion/ptrace_anti_debug_attempt.yaml",
    "defense_evasion/readonly_root_remounted.yaml",
    "defense_evasion/timestamp_changed_with_touch.yaml",
    "defense_evasion/write_below_rpm_database.yaml",
    "discovery/contact_k8s_api_server_from_container.yaml",
    "discovery/kubernetes_api_asked_by_tool.yaml",
    "discovery/kubernetes_dashboard_asked_for.yaml",
    "discovery/launch_suspicious_network_tool_in_container.yaml",
    "discovery/launch_suspicious_network_tool_on_host.yaml",
    "discovery/read_shell_configuration_file.yaml",
    "discovery/reconnaissance_burst.yaml",
    "execution/alert_test_program.yaml",
    "execution/container_drift_detected_chmod.yaml",
    "execution/container_drift_detected_open_create.yaml",
    "execution/db_program_spawned_process.yaml",
    "execution/decoding_payload_in_container.yaml",
    "execution/drop_and_execute_new_binary_in_container.yaml",
    "execution/execution_from_dev_shm.yaml",
    "execution/image_outside_policy.yaml",
    "execution/image_unknown_to_policy.yaml",
    "execution/known_attack_tool.yaml",
    "execution/kubernetes_client_tool_launched_in_container.yaml",
    "execution/launch_package_management_process_in_container.yaml",
    "execution/library_of_no_package.yaml",
    "execution/netcat_remote_code_execution_in_container.yaml",
    "execution/netcat_remote_code_execution_on_host.yaml",
    "execution/nohup_runs_dropped_program.yaml",
    "execution/program_changed_since_start.yaml",
    "execution/program_in_shared_folder.yaml",
    "execution/program_of_no_package.yaml",
    "execution/redirect_stdout_stdin_to_network_connection_in_container.yaml",
    "execution/reverse_shell.yaml",
    "execution/run_shell_untrusted.yaml",
    "execution/system_user_interactive.yaml",
    "execution/terminal_shell_in_container.yaml",
    "execution/unexpected_program.yaml",
    "execution/web_server_spawned_shell.yaml",
    "exfiltration/exfiltrating_artifacts_via_kubernetes_control_plane.yaml",
    "exfiltration/launch_remote_file_copy_tools_in_container.yaml",
    "exfiltration/unexpected_connection.yaml",
    "impact/detect_crypto_miners_using_the_stratum_protocol.yaml",
    "impact/detect_outbound_connections_to_common_miner_pool_ports.yaml",
    "impact/miner_command_line.yaml",
    "impact/miner_pool_name_asked.yaml",
    "impact/processor_tuned_for_mining.yaml",
    "impact/remove_bulk_data_from_disk.yaml",
    "persistence/account_file_written.yaml",
    "persistence/adding_ssh_keys_to_authorized_keys.yaml",
    "persistence/backdoored_library_loaded_into_sshd_cve_2024_3094.yaml",
    "persistence/bpf_program_not_profiled.yaml",
    "persistence/create_files_below_dev.yaml",
    "persistence/linux_kernel_module_injection_detected.yaml",
    "persistence/mkdir_binary_dirs.yaml",
    "persistence/modify_binary_dirs.yaml",
    "persistence/modify_container_entrypoint.yaml",
    "persistence/modify_shell_configuration_file.yaml",
    "persistence/packaged_program_replaced.yaml",
    "persistence/port_not_declared.yaml",
    "persistence/preload_file_written.yaml",
    "persistence/schedule_cron_jobs.yaml",
    "persistence/ssh_server_in_container.yaml",
    "persistence/start_file_written.yaml",
    "persistence/static_pod_written.yaml",
    "persistence/unexpected_file.yaml",
    "persistence/unexpected_listener.yaml",
    "persistence/unexpected_preload.yaml",
    "persistence/update_package_repository.yaml",
    "persistence/user_mgmt_binaries.yaml",
    "persistence/write_below_binary_dir.yaml",
    "persistence/write_below_etc.yaml",
    "persistence/write_below_monitored_dir.yaml",
    "persistence/write_below_root.yaml",
    "privilege_escalation/capability_not_declared.yaml",
    "privilege_escalation/change_namespace_privileges_via_unshare.yaml",
    "privilege_escalation/change_thread_namespace.yaml",
    "privilege_escalation/debugfs_launched_in_privileged_container.yaml",
    "privilege_escalation/detect_release_agent_file_container_escapes.yaml",
    "privilege_escalation/host_entered_from_container.yaml",
    "privilege_escalation/kernel_switch_written_from_container.yaml",
    "privilege_escalation/launch_excessively_capable_container.yaml",
    "privilege_escalation/launch_privileged_container.yaml",
    "privilege_escalation/local_privilege_escalation_via_environment_variables.yaml",
    "privilege_escalation/mount_launched_in_privileged_container.yaml",
    "privilege_escalation/non_sudo_setuid.yaml",
    "privilege_escalation/polkit_local_privilege_escalation_vulnerability_cve_2021_4034.yaml",
    "privilege_escalation/ptrace_attached_to_process.yaml",
    "privilege_escalation/raw_disk_written_from_container.yaml",
    "privilege_escalation/root_not_declared.yaml",
    "privilege_escalation/runtime_program_written_from_container.yaml",
    "privilege_escalation/runtime_socket_used_from_container.yaml",
    "privilege_escalation/set_setuid_or_setgid_bit.yaml",
    "privilege_escalation/sudo_potential_privilege_escalation.yaml",
    "privilege_escalation/unexpected_act.yaml",
    "privilege_escalation/unexpected_capability.yaml",
    "privilege_escalation/unprivileged_delegation_of_page_faults.yaml",
}

/// A word among the paths of rules that switches some of the shipped ones on, which are off:
/// without what they are about they would only have more observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Those about what approved profiles do not expect.
    Drift,
    /// Those about the policy of what may run.
    Policy,
}

impl Word {
    /// Every one.
    pub const ALL: [Self; 2] = [Self::Drift, Self::Policy];

    /// As it is written, also in what is wrong with those rules.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drift => "drift",
            Self::Policy => "policy",
        }
    }

    /// The files of its rules: each has the word as its last tag.
    #[must_use]
    pub fn files(self) -> Vec<RuleFile<'static>> {
        let tag = format!(", {}]\n", self.name());
        let has_tag = |file: &RuleFile<'_>| String::from_utf8_lossy(file.bytes).contains(&*tag);
        embedded().into_iter().filter(has_tag).collect()
    }

    /// Rules as text that switches them on.
    #[must_use]
    pub fn switch_on(self) -> String {
        let mut text = String::new();
        for file in self.files() {
            let rules = String::from_utf8_lossy(file.bytes);
            for name in rules.lines().filter_map(|line| line.strip_prefix("- rule: ")) {
                text.push_str(&format!("- rule: {name}\n  enabled: true\n"));
                text.push_str("  override: {enabled: replace}\n");
            }
        }
        text
    }
}
