// A transport's handler that records the calls made to it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "net/transport.hpp"

namespace proapi::net {

struct TransportRecorder : TransportHandler {
    void on_read(base::MutableBytes bytes) override {
        ++reads;
        received.append(base::as_text(bytes));
        if (after_read) after_read();
    }
    void on_peer_finished() override {
        ++finishes;
        EXPECT_EQ(ends, 0) << "must be reported before the end of reading";
        if (on_finish) on_finish();
    }
    void on_read_end(int error) override {
        ++ends;
        end_error = error;
    }
    void on_write_done(const WriteResult& result) override { done.push_back(result); }
    void on_written(std::size_t count) override { written += count; }
    void on_lost(int error) override { lost_error = error; }

    std::string received;
    std::function<void()> after_read, on_finish;
    int reads = 0, finishes = 0, ends = 0, end_error = -1, lost_error = 0;
    std::vector<WriteResult> done;
    std::size_t written = 0;
};

}  // namespace proapi::net
