// HTTPExceptions as responses, and the engine's own refusals as HTTPExceptions.
#include "app/refusals.hpp"

#include <gtest/gtest.h>

namespace proapi::detail {
namespace {

TEST(Refusals, AreExceptions) {
    const HTTPException of_engine = make_exception(service::Refusal::not_found);
    EXPECT_EQ(of_engine.status_code(), 404);
    EXPECT_EQ(of_engine.detail(), "Nothing is served at this address.");

    service::PendingRefusal pending{405, "This address does not serve that method.", {}};
    pending.headers.add("Allow", "GET, HEAD");
    const HTTPException error = make_exception(pending);
    EXPECT_EQ(error.status_code(), 405);
    EXPECT_EQ(error.detail(), pending.text);
    EXPECT_EQ(error.headers()["allow"], "GET, HEAD");
}

TEST(Refusals, ExceptionsAreResponses) {
    const Response response = make_response(HTTPException(409, "taken", {{"X-Seat", "7"}}));
    EXPECT_EQ(response.status_code, 409);
    EXPECT_EQ(std::get<std::string>(response.body), "taken\n");
    EXPECT_EQ(response.media_type, "text/plain");
    EXPECT_EQ(response.headers["x-seat"], "7");
    EXPECT_EQ(std::get<std::string>(make_response(HTTPException(409, "taken\n")).body), "taken\n");
    EXPECT_EQ(std::get<std::string>(make_response(HTTPException(409, "")).body), "");
}

TEST(Refusals, FieldsThatAStatusRequires) {
    const HTTPException refusal(405, "no", {{"Allow", "GET"}, {"X-A", "1"}});
    Response same("", 405, {{"x-a", "own"}}), other("", 404);
    add_missing_fields(same, refusal);
    add_missing_fields(other, refusal);
    EXPECT_EQ(same.headers["allow"], "GET");
    EXPECT_EQ(same.headers["x-a"], "own");
    EXPECT_TRUE(other.headers.empty());
}

}  // namespace
}  // namespace proapi::detail
