// SPDX-License-Identifier: LGPL-2.1-or-later
// One simulated run: a full-feature engine and the model target on a link that cuts the byte
// stream anywhere, stalls, and breaks; a clock that is only a number; and an owner that reads and
// writes a disk through the engine and knows what must be on it.
//
// What must hold all the time: the model never finds a rule broken by the engine; each task ends
// exactly once; a read that ends well gave what the disk holds; memory given back is never touched
// again (it is freed at once, so a sanitizer sees it); reads and writes of the socket that are
// under way keep their windows; a lie is noticed at the PDU that tells it. In the end every
// operation is done.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model_target.hpp"
#include "session/full_feature.hpp"

namespace sim {

// What a run has seen, to tell whether the runs reach what they are for.
struct Tally {
    std::uint64_t done = 0;        // operations that ended well
    std::uint64_t retried = 0;     // tasks that ended otherwise
    std::uint64_t aborted = 0;     // of those, by task management
    std::uint64_t dropped = 0;     // connections
    std::uint64_t violations = 0;  // of them, because the model lied or a bit flipped
    std::uint64_t bytes = 0;       // received by the engine

    void add(const Tally& other);
};

class World {
public:
    explicit World(std::uint64_t seed);
    // Empty when all went well, else what went wrong.
    std::string run();
    const Tally& tally() const { return tally_; }

private:
    struct Operation {
        bool write = false;
        std::uint32_t block = 0;
        std::uint32_t blocks = 0;
        Bytes content;  // of a write
    };
    struct Attempt {  // an operation in the engine, with the memory it lends
        Operation operation;
        std::vector<std::byte> cdb;
        std::vector<std::byte> memory;
        std::vector<iscsi::base::ByteSpan> in;
        std::vector<iscsi::base::ConstByteSpan> out;
    };

    void fail(std::string what);
    void draw_terms();
    iscsi::session::LoggedIn log_in();
    void new_operation();
    void submit();
    void begin_send();
    void finish_send();
    void give_to_engine();
    void finish_receive(std::size_t limit);
    void note(bool moved);
    void move_time();
    void cut_connection();
    void drain_events();
    void on_done(const iscsi::session::TaskDone& done);
    void check_read(const Attempt& attempt, std::size_t size);
    void reconnect();
    bool act();
    bool region_is_free(std::uint32_t block, std::uint32_t blocks) const;
    bool finished() const;

    Dice dice_;
    Terms terms_;
    Manners manners_;
    double cut_chance_ = 0;
    std::uint32_t operations_left_ = 60;
    std::size_t depth_ = 1;
    std::uint32_t blocks_max_ = 64;
    ModelTarget target_;
    Bytes expected_;  // what the disk must hold
    iscsi::base::Instant now_;
    iscsi::session::FullFeatureConfig config_;
    iscsi::session::FullFeature engine_;

    std::vector<Operation> waiting_;
    std::map<std::uint64_t, std::unique_ptr<Attempt>> attempts_;  // by user token
    std::uint64_t next_user_ = 1;

    Bytes to_target_;
    std::uint64_t consumed_ = 0;  // bytes of this connection that the engine was given
    std::size_t sending_ = 0;     // bytes of a write to the socket that is under way
    std::uint8_t last_sent_byte_ = 0;
    bool receiving_ = false;  // a read of the socket is under way
    std::vector<iscsi::base::ByteSpan> receive_window_;
    int quiet_steps_ = 0;  // since anything moved
    bool logging_out_ = false;
    bool logged_out_ = false;
    std::string problem_;
    Tally tally_;
};

}  // namespace sim
