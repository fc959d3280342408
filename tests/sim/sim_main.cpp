// SPDX-License-Identifier: LGPL-2.1-or-later
// sim_full_feature [FIRST [COUNT]]: runs the seeds FIRST..FIRST+COUNT-1 (default 1..200).
#include <cstdio>
#include <cstdlib>

#include "world.hpp"

int main(int argc, char** argv) {
    const std::uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    const std::uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : argc > 1 ? 1 : 200;
    std::uint64_t failed = 0;
    sim::Tally total;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        sim::World world(seed);
        const auto problem = world.run();
        total.add(world.tally());
        if (problem.empty()) continue;
        ++failed;
        std::printf("seed %ju: %s; again with: ./do sim %ju\n", std::uintmax_t{seed},
                    problem.c_str(), std::uintmax_t{seed});
    }
    std::printf(
        "%ju seeds: %ju operations done, %ju tasks retried (%ju aborted), %ju connections dropped "
        "(%ju for violations), %ju KiB received; %ju seeds failed\n",
        std::uintmax_t{count}, std::uintmax_t{total.done}, std::uintmax_t{total.retried},
        std::uintmax_t{total.aborted}, std::uintmax_t{total.dropped},
        std::uintmax_t{total.violations}, std::uintmax_t{total.bytes / 1024},
        std::uintmax_t{failed});
    return failed == 0 ? 0 : 1;
}
