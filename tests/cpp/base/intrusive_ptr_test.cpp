// base/intrusive_ptr: an object lives as long as one of its references.
#include "base/intrusive_ptr.hpp"

#include <gtest/gtest.h>

namespace proapi::base {
namespace {

struct Counted : RefCounted {
    explicit Counted(int& alive_) : alive(&alive_) { ++*alive; }
    ~Counted() override { --*alive; }
    int* alive;
};

struct Derived final : Counted {
    using Counted::Counted;
};

TEST(IntrusivePtr, TheLastReferenceDeletesTheObject) {
    int alive = 0;
    IntrusivePtr<Counted> first(new Counted(alive));
    IntrusivePtr<Counted> second = first;
    EXPECT_EQ(first, second);
    first.reset();
    EXPECT_FALSE(first);
    EXPECT_EQ(alive, 1);
    second.reset();
    EXPECT_EQ(alive, 0);
    second.reset();
    EXPECT_EQ(alive, 0);
}

TEST(IntrusivePtr, MovingTransfersTheReference) {
    int alive = 0;
    IntrusivePtr<Counted> source(new Counted(alive));
    Counted* const object = source.get();
    const IntrusivePtr<Counted> target = std::move(source);
    EXPECT_FALSE(source);  // NOLINT(bugprone-use-after-move): this is the promise
    EXPECT_EQ(target.get(), object);
    EXPECT_EQ(alive, 1);
}

TEST(IntrusivePtr, AssignmentDropsWhatWasHeld) {
    int alive_before = 0, alive = 0;
    IntrusivePtr<Counted> held(new Counted(alive_before));
    held = IntrusivePtr<Counted>(new Counted(alive));
    EXPECT_EQ(alive_before, 0);
    const IntrusivePtr<Counted>& same = held;
    held = same;
    EXPECT_EQ(alive, 1) << "after an assignment to itself";
    held = nullptr;
    EXPECT_EQ(alive, 0);
}

TEST(IntrusivePtr, AReferenceToTheBaseDeletesTheWhole) {
    int alive = 0;
    IntrusivePtr<Derived> derived(new Derived(alive));
    IntrusivePtr<Counted> base = derived;
    derived.reset();
    EXPECT_EQ(alive, 1);
    EXPECT_EQ((*base).alive, base->alive);
    base.reset();
    EXPECT_EQ(alive, 0);
}

// C interfaces return raw pointers. The count is in the object, so a raw pointer can be held again.
TEST(IntrusivePtr, ARawPointerToAHeldObjectSharesItsCount) {
    int alive = 0;
    IntrusivePtr<Counted> first(new Counted(alive));
    IntrusivePtr<Counted> again(first.get());
    first.reset();
    EXPECT_EQ(alive, 1);
    again.reset();
    EXPECT_EQ(alive, 0);
}

TEST(IntrusivePtr, NullHoldsNothing) {
    const IntrusivePtr<Counted> none, null = nullptr, pointer(static_cast<Counted*>(nullptr));
    EXPECT_FALSE(none || null || pointer);
    EXPECT_EQ(none, pointer);
}

}  // namespace
}  // namespace proapi::base
