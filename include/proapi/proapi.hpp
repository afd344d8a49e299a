// Includes all of ProAPI.
#pragma once

#include "proapi/completion.hpp"
#include "proapi/concurrency.hpp"
#include "proapi/errors.hpp"
#include "proapi/fields.hpp"
#include "proapi/json.hpp"
#include "proapi/pro_api.hpp"
#include "proapi/request.hpp"
#include "proapi/response.hpp"
#include "proapi/settings.hpp"
#include "proapi/task.hpp"
#include "proapi/uuid.hpp"
#include "proapi/websocket_connection.hpp"
