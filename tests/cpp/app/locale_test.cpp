// A program whose locale writes 0,5 (LC_NUMERIC), as programs with translated texts set it: numbers in settings, paths
// and JSON are read and written as before.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <clocale>
#include <filesystem>

#include "client.hpp"
#include "proapi/proapi.hpp"

namespace proapi {
namespace {

// Made here: few machines have one installed.
class DecimalComma : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (std::filesystem::temp_directory_path() / "locale-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        const std::string command = "localedef -c -i de_DE -f UTF-8 " + (folder_ / "comma.UTF-8").string();
        static_cast<void>(std::system((command + " 2>/dev/null").c_str()));  // its status tells of warnings, too
        ::setenv("LOCPATH", folder_.c_str(), 1);
        ASSERT_NE(std::setlocale(LC_ALL, "comma.UTF-8"), nullptr) << "the package `locales` is missing: " << command;
        ASSERT_STREQ(std::localeconv()->decimal_point, ",");
    }
    void TearDown() override {
        std::setlocale(LC_ALL, "C");
        ::unsetenv("LOCPATH");
        std::filesystem::remove_all(folder_);
    }

private:
    std::filesystem::path folder_;
};

void check_settings() {
    ProAPI app;
    app.setting("ping_interval", "0.5");
    try {
        app.setting("ping_interval", "0,5");
        ADD_FAILURE() << "0,5 is a number";
    } catch (const std::invalid_argument& error) {
        EXPECT_STREQ(error.what(), "ping_interval: expected seconds from 0.01 to 86400, got 0,5");
    }
}

void check_json() {
    EXPECT_EQ(parse_json("[0.5,-1.25e2]"), Json::array({0.5, -125.0}));
    EXPECT_EQ(write_json(Json::array({0.5, 1e30, 1234567})), "[0.5,1e+30,1234567]");
}

void check_paths() {
    ProAPI app;
    app.get("/{x:float}", [](double x) { return write_json(Json(x)); });
    const auto server = app.start({.host = "127.0.0.1", .port = 0});
    EXPECT_EQ(test::get_body(test::request(server.port(), "GET", "/0.5")), "0.5");
}

// One test for all three: making a locale takes a second.
// promise: locale
TEST_F(DecimalComma, ChangesNothing) {
    check_settings();
    check_json();
    check_paths();
}

}  // namespace
}  // namespace proapi
