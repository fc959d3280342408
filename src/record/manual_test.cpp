// SPDX-License-Identifier: LGPL-2.1-or-later
#include "record/manual.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "record/schema.hpp"

namespace iscsi::record {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <class Record>
void expect_all_in(const std::string& page) {
    for (const auto* key : schema<Record>().show_order()) {
        if (key->info.visibility == Visibility::Hidden) continue;
        EXPECT_THAT(page,
                    HasSubstr(fmt::format("\n.It Li {}\n{}\n", key->info.name, key->info.doc)));
    }
}

TEST(Manual, HasEachKeyOfEachKindOfRecord) {
    const std::string page = manual();

    expect_all_in<Node>(page);
    expect_all_in<Iface>(page);
    expect_all_in<SendTargets>(page);
    expect_all_in<Isns>(page);
    expect_all_in<HostChap>(page);
    expect_all_in<Flashnode>(page);
    expect_all_in<Daemon>(page);
}

TEST(Manual, SaysAllOfAKey) {
    EXPECT_THAT(manual(), HasSubstr(".It Li node.session.timeo.replacement_timeout\n"
                                    "Seconds that I/O waits for a lost session before it fails; "
                                    "0: fail at once; negative: wait for ever.\n.br\n"
                                    "Takes a whole number from -2147483648 to 2147483647; default "
                                    "120; may be set.\n"
                                    "In sysfs:\n.Li recovery_tmo .\n"));
}

TEST(Manual, TellsTheVersionOfYoungerKeysAlone) {
    const std::string page = manual();

    EXPECT_THAT(page, HasSubstr("; since open-iscsi 2.1.12; may be set.\n"));
    EXPECT_THAT(page, HasSubstr("; not in open-iscsi; "));
    EXPECT_THAT(page, Not(HasSubstr("since open-iscsi 2.1.8")));
}

}  // namespace
}  // namespace iscsi::record
