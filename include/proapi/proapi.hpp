// Includes all of ProAPI.
#pragma once

#include "proapi/channel.hpp"
#include "proapi/completion.hpp"
#include "proapi/concurrency.hpp"
#include "proapi/errors.hpp"
#include "proapi/event.hpp"
#include "proapi/fields.hpp"
#include "proapi/json.hpp"
#include "proapi/parameters.hpp"
#include "proapi/pro_api.hpp"
#include "proapi/request.hpp"
#include "proapi/response.hpp"
#include "proapi/settings.hpp"
#include "proapi/task.hpp"
#include "proapi/task_group.hpp"
#include "proapi/uuid.hpp"
#include "proapi/websocket_connection.hpp"
