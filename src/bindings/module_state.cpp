#include "bindings/module_state.hpp"

#include <initializer_list>

namespace proapi::bindings {

namespace {

// Calls `function(reference)` for each member.
template <class Function>
void for_each_reference(ModuleState& state, Function&& function) {
    for (PyTypeObject** type : {&state.completed_operation_type, &state.pending_future_type, &state.wait_operation_type,
                                &state.receive_operation_type, &state.message_iterator_type, &state.connection_type})
        function(*type);
    for (PyObject** object :
         {&state.completed_true,   &state.completed_false,   &state.completed_none,    &state.call_soon_name,
          &state.blocking_name,    &state.get_loop_name,     &state.add_callback_name, &state.context_keyword,
          &state.headers_type,     &state.query_params_type, &state.client_type,       &state.state_type,
          &state.disconnect_error, &state.state_error,       &state.message_error,     &state.encode_json,
          &state.decode_json,      &state.is_own_task,       &state.done_future,       &state.cancelled_error,
          &state.get_running_loop, &state.uuid_type})
        function(*object);
}

}  // namespace

int traverse_state(ModuleState& state, visitproc visit, void* arg) {
    int result = 0;
    for_each_reference(state, [&](auto* object) {
        if (object && result == 0) result = visit(reinterpret_cast<PyObject*>(object), arg);
    });
    return result;
}

void clear_state(ModuleState& state) noexcept {
    for_each_reference(state, [](auto*& object) { Py_CLEAR(object); });
}

}  // namespace proapi::bindings
