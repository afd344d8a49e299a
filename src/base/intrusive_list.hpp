// A doubly linked list whose links are members of the elements: O(1) removal from any position, no allocation. An
// element that is destroyed leaves its list by itself. Not thread-safe.
#pragma once

namespace proapi::base {

class ListLink {
public:
    ListLink() noexcept = default;
    ListLink(const ListLink&) = delete;
    ListLink& operator=(const ListLink&) = delete;
    ~ListLink() { unlink(); }

    [[nodiscard]] bool is_linked() const noexcept { return next_ != this; }
    void unlink() noexcept {
        previous_->next_ = next_;
        next_->previous_ = previous_;
        previous_ = next_ = this;
    }

private:
    template <class, class>
    friend class IntrusiveList;
    ListLink* previous_ = this;
    ListLink* next_ = this;
};

// `T` derives from `Link`, a distinct type derived from ListLink for each list that may contain an element.
template <class T, class Link>
class IntrusiveList {
public:
    [[nodiscard]] bool empty() const noexcept { return !head_.is_linked(); }

    void push_back(T& element) noexcept {
        ListLink& link = static_cast<Link&>(element);
        link.unlink();
        link.previous_ = head_.previous_;
        link.next_ = &head_;
        head_.previous_->next_ = &link;
        head_.previous_ = &link;
    }

    [[nodiscard]] T* front() noexcept { return empty() ? nullptr : element(head_.next_); }

    // Removes and returns the first element; null if the list is empty.
    [[nodiscard]] T* pop_front() noexcept {
        if (empty()) return nullptr;
        ListLink* link = head_.next_;
        link->unlink();
        return element(link);
    }

    // Moves all of `other` to the end of this list.
    void splice(IntrusiveList& other) noexcept {
        while (T* moved = other.pop_front()) push_back(*moved);
    }

    // Calls `visit(T&)` for each element. The visitor may unlink the element that it is given, and no other.
    template <class Visitor>
    void for_each(Visitor&& visit) {
        for (ListLink* link = head_.next_; link != &head_;) {
            ListLink* next = link->next_;
            visit(*element(link));
            link = next;
        }
    }

private:
    static T* element(ListLink* link) noexcept { return static_cast<T*>(static_cast<Link*>(link)); }
    ListLink head_;
};

}  // namespace proapi::base
