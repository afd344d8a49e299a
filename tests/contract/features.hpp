// What the contract application serves below /features; see features.py, whose twin this is.
#pragma once

#include <proapi/proapi.hpp>

void register_features(proapi::ProAPI& app);
