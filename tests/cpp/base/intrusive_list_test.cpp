// base/intrusive_list: order, and elements that remove themselves from their list.
#include "base/intrusive_list.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace proapi::base {
namespace {

struct ByAge : ListLink {};
struct ByName : ListLink {};

struct Element : ByAge, ByName {
    explicit Element(char name_) : name(name_) {}
    char name;
};

using Ages = IntrusiveList<Element, ByAge>;
using Names = IntrusiveList<Element, ByName>;

template <class List>
std::string names_in(List& list) {
    std::string names;
    list.for_each([&](const Element& element) { names += element.name; });
    return names;
}

TEST(IntrusiveList, KeepsTheOrderOfItsElements) {
    Element a('a'), b('b'), c('c');
    Ages list;
    EXPECT_EQ(list.front(), nullptr);
    EXPECT_EQ(list.pop_front(), nullptr);
    for (Element* element : {&a, &b, &c}) list.push_back(*element);
    EXPECT_EQ(names_in(list), "abc");
    EXPECT_EQ(list.pop_front(), &a);
    EXPECT_FALSE(static_cast<ByAge&>(a).is_linked());
    EXPECT_EQ(names_in(list), "bc");
}

TEST(IntrusiveList, AnElementThatIsAppendedAgainMovesToTheEnd) {
    Element a('a'), b('b');
    Ages list;
    list.push_back(a);
    list.push_back(b);
    list.push_back(a);
    EXPECT_EQ(names_in(list), "ba");
}

TEST(IntrusiveList, AnElementStandsInOneListForEachOfItsLinks) {
    Element a('a'), b('b');
    Ages ages;
    Names names;
    ages.push_back(b);
    ages.push_back(a);
    names.push_back(a);
    names.push_back(b);
    EXPECT_EQ(ages.pop_front(), &b);
    EXPECT_EQ(names_in(names), "ab");
}

TEST(IntrusiveList, AnElementThatIsDestroyedIsInNoList) {
    Element a('a'), c('c');
    auto b = std::make_unique<Element>('b');
    Ages list;
    for (Element* element : {&a, b.get(), &c}) list.push_back(*element);
    b.reset();
    EXPECT_EQ(names_in(list), "ac");
}

TEST(IntrusiveList, AVisitorMayUnlinkWhatItIsGiven) {
    Element a('a'), b('b'), c('c');
    Ages list;
    for (Element* element : {&a, &b, &c}) list.push_back(*element);
    list.for_each([](Element& element) {
        if (element.name != 'b') static_cast<ByAge&>(element).unlink();
    });
    EXPECT_EQ(names_in(list), "b");
}

TEST(IntrusiveList, SpliceMovesAllToTheEnd) {
    Element a('a'), b('b'), c('c');
    Ages list, other;
    list.push_back(a);
    other.push_back(b);
    other.push_back(c);
    list.splice(other);
    EXPECT_EQ(names_in(list), "abc");
    EXPECT_TRUE(other.empty());
    list.splice(other);
    EXPECT_EQ(names_in(list), "abc");
}

}  // namespace
}  // namespace proapi::base
