// SPDX-License-Identifier: LGPL-2.1-or-later
#include "iscsiadm/hints.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "record/discovery.hpp"
#include "record/node.hpp"

namespace iscsi::iscsiadm {
namespace {

using record::Assignment;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Hints, GuessAWordOrNameAll) {
    constexpr auto kWords = std::to_array<std::string_view>({"node", "session"});

    EXPECT_EQ(hint_for_word("nod", kWords), "did you mean node?");
    EXPECT_EQ(hint_for_word("bogus", kWords), "one of node, session");
}

TEST(Hints, GuessAKey) {
    const std::vector<Assignment> update{{"node.sesion.queue_depth", "8"}};

    EXPECT_THAT(hints_for_update<record::Node>(update),
                ElementsAre("did you mean node.session.queue_depth?"));
}

TEST(Hints, NameTheWordsOfAKey) {
    const std::vector<Assignment> update{{"node.startup", "auto"},
                                         {"node.session.iscsi.ImmediateData", "yes"}};

    EXPECT_THAT(hints_for_update<record::Node>(update),
                ElementsAre("the value of node.startup is one of manual, automatic, onboot",
                            "the value of node.session.iscsi.ImmediateData is one of No, Yes"));
}

TEST(Hints, SayNothingAboutWhatIsRightOrUnknown) {
    const std::vector<Assignment> update{{"discovery.startup", "manual"}, {"something.else", "1"}};

    EXPECT_THAT(hints_for_update<record::SendTargets>(update), IsEmpty());
}

}  // namespace
}  // namespace iscsi::iscsiadm
