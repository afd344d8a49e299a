"""Which front ends a test asks if tests/contract does not run it once for each front end.

scripts/generate_contract.py reads this file for docs/contract.md. ``ASKED``: the test talks to a running server of
these front ends. ``SHARED``: the test calls code that these front ends share, without a server. The names of the front
ends are those of tests/contract/front_ends.py.

A key is a folder, a file, or ``file::test``, relative to tests/. The longest key that matches a test decides. It is an
error if a key matches nothing, or if no key matches a test with a promise. The file contains data only: nothing is
imported here.
"""

_MODES = "python python-uvloop python-fast"
_PYTHON_AND_FAST = "python python-fast"
_CPP_PYTHON_AND_FAST = "cpp python python-fast"
_ENGINE = "cpp python python-uvloop python-fast"
_ASGI = "asgi hypercorn"
_PYTHON = "python python-uvloop python-fast asgi hypercorn"
_ALL = "cpp python python-uvloop python-fast asgi hypercorn"

ASKED: dict[str, str] = {
    "browser/test_chat.py": "cpp python python-fast asgi",
    "browser/test_rebinding.py": "python",
    "browser/test_snippet.py": "cpp python python-fast",
    "contract/test_asgi_servers.py": _ASGI,
    "contract/test_coming_from.py": _PYTHON_AND_FAST,
    "contract/test_disconnect.py": _PYTHON,
    "contract/test_disconnect.py::test_a_handler_that_reads_nothing_before_the_end": _MODES,
    "contract/test_disconnect.py::test_a_handler_whose_client_left_before_it_begins": _MODES,
    "contract/test_disconnect.py::test_before_it_has_accepted_and_read_anything": _MODES,
    "contract/test_documentation.py::test_programs": "python python-fast asgi",
    "contract/test_documentation.py::test_the_browsers_end": "python-fast",
    "contract/test_documentation.py::test_the_cpp_examples": "cpp",
    "contract/test_documentation.py::test_the_last_program_as_it_is_started": _PYTHON_AND_FAST,
    "contract/test_documentation.py::test_the_python_examples": _PYTHON_AND_FAST,
    "contract/test_examples.py": _PYTHON_AND_FAST,
    "contract/test_examples.py::test_a_full_field": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_a_terminal_ends_with_its_page": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_an_upload_that_is_cut_leaves_nothing": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_game": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_terminal": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_ticker_screen": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_ticker_that_only_pushes": _CPP_PYTHON_AND_FAST,
    "contract/test_examples.py::test_upload": _CPP_PYTHON_AND_FAST,
    "cpp/app/": "cpp",
    "cpp/install/": "cpp",
    "python/test_connection.py": "python",
    "python/test_cors.py": "python",
    "python/test_dispatch.py": "python",
    "python/test_events.py": "python",
    "python/test_exception_handlers.py": "python asgi",
    "python/test_lifespan.py": "python",
    "python/test_listening.py": "python",
    "python/test_locale.py": "python",
    "python/test_logging.py": _MODES,
    "python/test_middleware.py": "python asgi",
    "python/test_own_task.py": "python",
    "python/test_own_task.py::test_a_loop_that_the_first_one_started_goes_on_though_he_does_not_read": _MODES,
    "python/test_own_task.py::test_a_loop_that_the_first_one_started_goes_on_without_him": _MODES,
    "python/test_own_task.py::test_a_task_that_only_sends_to_one_who_has_left_does_not_hold_the_loop": _MODES,
    "python/test_reentry.py::test_fast": "python-fast",
    "python/test_reentry.py::test_standard": "python",
    "python/test_request_body.py": "python",
    "python/test_request_body.py::test_asgi_an_announced_length_is_refused_before_the_handler_is_called": "asgi",
    "python/test_request_body.py::test_asgi_both_directions_at_once": "asgi",
    "python/test_request_body.py::test_asgi_nothing_is_received_before_the_handler_reads": "asgi",
    "python/test_runner.py": _MODES,
    "python/test_runner.py::test_a_bad_environment_is_one_line": "python",
    "python/test_runner.py::test_a_bad_option_is_one_line": "python",
    "python/test_runner.py::test_a_busy_port_is_one_line": _PYTHON_AND_FAST,
    "python/test_runner.py::test_run_in_a_running_loop_names_serve": "python",
    "python/test_runner.py::test_sys_exit_in_a_handler_ends_with_its_status": _PYTHON_AND_FAST,
    "python/test_serving.py": "python",
    "python/test_serving.py::test_run_ends_when_it_can_not_start": _MODES,
    "python/test_spawn.py": "python",
    "python/test_spawn.py::test_it_outlives_that_connection_in_fast_mode": "python-fast",
    "python/test_sse.py": "python",
    "python/test_sse.py::test_asgi_comments_come_between_events": "asgi",
    "python/test_tasks.py": "python",
    "python/test_threads.py": "python",
    "python/test_workers.py": "python",
    "python/test_workers.py::test_a_signal_to_the_whole_group_is_one_wish": _PYTHON_AND_FAST,
    "system/test_activation.py": "python",
    "system/test_cancellation.py": _PYTHON_AND_FAST,
    "system/test_cancellation.py::test_polling_loses_nothing_in_any_front_end": _ALL,
    "system/test_churn.py": "cpp python python-fast",
    "system/test_documents.py": "python",
    "system/test_fork.py": _PYTHON_AND_FAST,
    "system/test_fork.py::test_a_child_has_none_of_the_servers_sockets": _MODES,
    "system/test_fork.py::test_a_child_of_a_workers_start_up_keeps_no_unix_socket": "python",
    "system/test_fork.py::test_a_child_that_comes_back_to_the_loop_ends": _MODES,
    "system/test_fork.py::test_clients_do_not_wait_for_a_worker_that_was_killed": "python",
    "system/test_leaks.py": _PYTHON_AND_FAST,
    "system/test_proxies.py": "python",
    "system/test_proxy_restarts.py": "python",
    "system/test_resources.py": _PYTHON_AND_FAST,
    "system/test_resources.py::test_without_descriptors_others_are_unharmed_and_the_loop_is_not_busy": (
        "cpp python python-fast"
    ),
    "system/test_resources.py::test_workers_in_threads_share_max_connections": "cpp",
    "system/test_resources.py::test_workers_in_threads_without_descriptors_are_not_busy": "cpp",
    "system/test_shutdown.py": _PYTHON_AND_FAST,
    "system/test_shutdown.py::test_everybody_is_told_1001_and_the_status_is_0": "cpp python python-fast",
}

# Every front end uses http and service; only those with the engine's own sockets use ws, net and server.
# tests/python/asgi_peer.py plays the ASGI server.
SHARED: dict[str, str] = {
    "contract/test_vectors.py": _ENGINE,
    "contract/test_vectors.py::test_forms": _ALL,
    "cpp/http/": _ALL,
    "cpp/net/": _ENGINE,
    "cpp/server/": _ENGINE,
    "cpp/service/": _ALL,
    "cpp/service/real_client_test.cpp": _ENGINE,
    "cpp/ws/": _ENGINE,
    "python/test_asgi_http.py": _ASGI,
    "python/test_asgi_lifespan.py": _ASGI,
    "python/test_asgi_websocket.py": _ASGI,
    "python/test_datastructures.py": _PYTHON,
    "python/test_dependencies.py": _PYTHON,
    "python/test_errors.py": _PYTHON,
    "python/test_json.py": _PYTHON,
    "python/test_names.py": _PYTHON,
    "python/test_parameters.py": _PYTHON,
    "python/test_response.py": _PYTHON,
    "python/test_results.py": _PYTHON,
    "python/test_routers.py": _PYTHON,
    "python/test_security.py": _PYTHON,
    "python/test_sessions.py": _PYTHON,
    "python/test_setting_values.py": _PYTHON,
    "python/test_settings.py": _PYTHON,
    "python/test_signature.py": _PYTHON,
    "python/test_spawn.py::test_under_an_asgi_server": _ASGI,
    "python/test_sse.py::test_the_fields_of_the_response": _PYTHON,
    "python/test_sse.py::test_the_lines_of_an_event": _PYTHON,
    "python/test_spawn.py::test_under_an_asgi_server_without_lifespan": _ASGI,
    "python/test_threads.py::test_under_an_asgi_server": _ASGI,
    "python/test_templating.py": _PYTHON,
    "python/test_text_annotations.py": _PYTHON,
    "python/test_uploads.py": _PYTHON,
    "system/test_documents.py::test_the_table_of_settings_is_the_engines": _ALL,
    "system/test_settings_table.py": _ALL,
    "system/test_typing.py": _PYTHON,
}
