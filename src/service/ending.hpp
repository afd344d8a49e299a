// What the end of a handler means for its connection or its request, once for all carriers and both languages. Front
// ends only say how the handler ended, and log the exceptions that they can't foresee.
//
//   a WebSocket's handler ...             accepted      before accept()    log
//   returned                              close 1000    403                INFO, if it never called accept()
//   ended by a disconnect                 close 1000    403
//   got a message of the wrong kind       close 1003    -                  INFO
//   got a message of the wrong content    close 1007    -                  INFO
//   was cancelled by the server's stop    close 1001    503
//   raised any other exception            close 1011    500                by the front end
//
// No message comes before accept(): an exception that says so is one of the handler's own, and counts as any other.
//
//   a request's handler ...               no response yet    response started and not finished
//   was cancelled by the server's stop    503                the connection is cut
//   ended in any other way                500                the connection is cut
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace proapi::service {

class Exchange;
class WebSocket;

enum class HandlerEnd : std::uint8_t { returned, disconnected, wrong_kind, wrong_content, stopped, failed };

// Ends the connection as the table says, unless it is closed already. `handler` and `error` are for the log: the name
// of the handler, and why a message was refused. Returns the line to log at INFO, if there is one. A peer can cause it
// at will, so it belongs in a log of limited rate.
[[nodiscard]] std::optional<std::string> end_websocket(WebSocket& websocket, HandlerEnd end, std::string_view handler,
                                                       std::string_view error = {});

// The same for a request that has no whole response; on a finished exchange it does nothing.
void end_request(Exchange& exchange, HandlerEnd end);

}  // namespace proapi::service
