// SPDX-License-Identifier: LGPL-2.1-or-later
// The LUNs as files of a FUSE file system (libfuse, low level), each of which becomes a loop
// device. Requests of the kernel come in here and are answered here; what they ask for is somebody
// else's work. One thread, but for open_file().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "os/fd.hpp"
#include "userd/scheduler.hpp"
#include "userd/slot_pool.hpp"

struct fuse_session;

namespace iscsi::userd {

struct ExportFile {
    std::string name;  // unique within the session; empty: no such file
    std::uint64_t bytes = 0;
    std::uint32_t block_bytes = 512;
    // Of discards and of zeroing, as statfs tells the loop driver; 0: neither, and statfs fails,
    // which makes the driver offer neither.
    std::uint32_t granule_bytes = 512;
    bool read_only = false;
};

class FuseExport {
public:
    // `pool` outlives the export. `background` requests at most are handed over by the kernel
    // before earlier ones are answered (synchronous ones come on top).
    static base::Result<std::unique_ptr<FuseExport>> create(SlotPool& pool,
                                                            const std::string& source,
                                                            std::uint16_t background);
    ~FuseExport();

    int fd() const;  // readable when a request waits

    // `index` is the volume's number for the scheduler. Replaces what was there: whoever has it
    // open sees the new size. Without a name it ends the file: whoever has that open gets EIO from
    // now on, for good, whatever gets the index next.
    void set_file(std::uint32_t index, const ExportFile& file);

    // Reads one message. A request for the scheduler comes back with its slot taken; Answered means
    // that it was dealt with here.
    enum class Got : std::uint8_t { Nothing, Answered, ForScheduler, Ended };
    struct Incoming {
        Got got = Got::Nothing;
        Slot slot = 0;
        Request request;
    };
    // The pool must have a free slot.
    Incoming receive();

    // Answers the request and frees its slot.
    void reply(Slot slot, int error_number);

    // For any thread but the one that calls receive(): blocks until that one has answered.
    base::Result<os::Fd> open_file(const std::string& name) const;

private:
    struct Callbacks;  // libfuse's table
    struct Place {
        ExportFile file;
        std::uint32_t ended = 0;  // files that have been here before: part of the inode's number
    };
    struct Pending {
        void* request = nullptr;  // fuse_req_t
        RequestKind kind = RequestKind::Read;
        std::size_t bytes = 0;
    };

    FuseExport(SlotPool& pool, std::uint16_t background);
    const ExportFile* file_of(std::uint64_t inode) const;
    // Fills incoming_ with a request for the scheduler.
    void forward(void* request, std::uint64_t inode, const Request& wanted);

    SlotPool& pool_;
    std::uint16_t background_;
    os::Fd root_;
    fuse_session* session_ = nullptr;
    std::vector<Place> places_;  // by index
    std::vector<Pending> pending_;
    Slot slot_ = 0;  // of the message being dispatched
    Incoming incoming_;
};

}  // namespace iscsi::userd
