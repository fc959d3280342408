// SPDX-License-Identifier: LGPL-2.1-or-later
#define FUSE_USE_VERSION 312
#include "userd/fuse_export.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fuse_lowlevel.h>
#include <linux/falloc.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.hpp"
#include "base/log.hpp"
#include "os/fuse_mount.hpp"

namespace iscsi::userd {

namespace {

constexpr std::uint64_t kRootInode = 1;
// An inode's number: the volume's index from here on, above it how many files that place has seen
// end. No number ever comes again.
constexpr std::uint64_t kFirstInode = 2;
constexpr int kEndedShift = 32;
constexpr std::uint64_t kPlaceMask = (std::uint64_t{1} << kEndedShift) - 1;

std::size_t place_of(std::uint64_t inode) {
    return static_cast<std::size_t>((inode & kPlaceMask) - kFirstInode);
}

std::uint64_t inode_of(std::size_t place, std::uint32_t ended) {
    return (std::uint64_t{ended} << kEndedShift) | (kFirstInode + place);
}
// Writes to different places of a file need no lock against each other. Newer than the headers of
// some systems; kernels that don't know the flag ignore it.
constexpr std::uint32_t kParallelDirectWrites = 1 << 6;

struct stat attributes_of(std::uint64_t inode, const ExportFile* file) {
    struct stat info{};
    info.st_ino = inode;
    info.st_nlink = 1;
    info.st_mode = S_IFDIR | 0500;
    if (file != nullptr) {
        info.st_mode = S_IFREG | (file->read_only ? 0400 : 0600);
        info.st_size = static_cast<off_t>(file->bytes);
        info.st_blksize = static_cast<blksize_t>(file->block_bytes);
        info.st_blocks = static_cast<blkcnt_t>(file->bytes / 512);
    }
    return info;
}

void log_line(fuse_log_level level, const char* format, va_list arguments) {
    char text[256];
    std::vsnprintf(text, sizeof text, format, arguments);
    text[std::strcspn(text, "\n")] = '\0';
    base::log(level <= FUSE_LOG_WARNING ? base::LogLevel::Warning : base::LogLevel::Debug, "{}",
              text);
}

}  // namespace

// libfuse's callbacks: thin, each either answers or forwards.
struct FuseExport::Callbacks {
    static FuseExport& self(fuse_req_t request) {
        return *static_cast<FuseExport*>(fuse_req_userdata(request));
    }

    static void init(void* user, fuse_conn_info* connection) {
        auto& me = *static_cast<FuseExport*>(user);
        connection->max_write = kDataBytesMax;
        connection->max_background = me.background_;
        connection->congestion_threshold = me.background_;
        connection->want |= connection->capable & (FUSE_CAP_ASYNC_DIO | FUSE_CAP_ASYNC_READ);
        connection->want &= ~static_cast<unsigned>(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE |
                                                   FUSE_CAP_SPLICE_MOVE | FUSE_CAP_AUTO_INVAL_DATA);
    }

    static void lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
        const auto& places = self(request).places_;
        const auto found = std::ranges::find(places, std::string_view(name),
                                             [](const Place& place) { return place.file.name; });
        if (parent != kRootInode || *name == '\0' || found == places.end()) {
            fuse_reply_err(request, ENOENT);
            return;
        }
        fuse_entry_param entry{};
        entry.ino = inode_of(static_cast<std::size_t>(found - places.begin()), found->ended);
        entry.attr = attributes_of(entry.ino, &found->file);
        fuse_reply_entry(request, &entry);
    }

    static void getattr(fuse_req_t request, fuse_ino_t inode, fuse_file_info*) {
        const ExportFile* file = self(request).file_of(inode);
        if (file == nullptr && inode != kRootInode) {
            fuse_reply_err(request, ENOENT);
            return;
        }
        const struct stat info = attributes_of(inode, file);
        // No caching: the size is asked for exactly when a grown LUN makes it interesting.
        fuse_reply_attr(request, &info, /*attr_timeout=*/0);
    }

    static void open(fuse_req_t request, fuse_ino_t inode, fuse_file_info* info) {
        const ExportFile* file = self(request).file_of(inode);
        if (file == nullptr) {
            fuse_reply_err(request, ENOENT);
            return;
        }
        if (file->read_only && (info->flags & O_ACCMODE) != O_RDONLY) {
            fuse_reply_err(request, EROFS);
            return;
        }
        // By hand, since libfuse 3.14 has no field for the second flag.
        fuse_open_out answer{};
        answer.open_flags = FOPEN_DIRECT_IO | kParallelDirectWrites;
        fuse_reply_buf(request, static_cast<const char*>(static_cast<void*>(&answer)),
                       sizeof answer);
    }

    static void release(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
        fuse_reply_err(request, 0);
    }

    static void statfs(fuse_req_t request, fuse_ino_t inode) {
        const ExportFile* file = self(request).file_of(inode);
        if (file == nullptr || file->granule_bytes == 0) {
            fuse_reply_err(request, EOPNOTSUPP);
            return;
        }
        struct statvfs info{};
        info.f_bsize = file->granule_bytes;
        info.f_frsize = info.f_bsize;
        info.f_namemax = 255;
        fuse_reply_statfs(request, &info);
    }

    static void read(fuse_req_t request, fuse_ino_t inode, std::size_t bytes, off_t offset,
                     fuse_file_info*) {
        auto& me = self(request);
        const ExportFile* file = me.file_of(inode);
        const auto start = static_cast<std::uint64_t>(offset);
        if (file == nullptr || bytes > kDataBytesMax) {
            fuse_reply_err(request, EIO);
            return;
        }
        const std::uint64_t left = start < file->bytes ? file->bytes - start : 0;
        bytes = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, left));
        if (bytes == 0) {
            fuse_reply_buf(request, nullptr, 0);
            return;
        }
        me.forward(request, inode,
                   {.kind = RequestKind::Read,
                    .lba = start,
                    .blocks = bytes,
                    .data = me.pool_.data(me.slot_).first(bytes)});
    }

    static void write(fuse_req_t request, fuse_ino_t inode, const char* data, std::size_t bytes,
                      off_t offset, fuse_file_info*) {
        auto& me = self(request);
        // The payload lies in the buffer that the message was read into, and stays there.
        const auto buffer = me.pool_.buffer(me.slot_);
        const auto* begin = static_cast<const std::byte*>(static_cast<const void*>(data));
        const auto at = static_cast<std::size_t>(begin - buffer.data());
        CHECK(at <= buffer.size() && bytes <= buffer.size() - at);
        me.forward(request, inode,
                   {.kind = RequestKind::Write,
                    .lba = static_cast<std::uint64_t>(offset),
                    .blocks = bytes,
                    .data = buffer.subspan(at, bytes)});
    }

    static void fsync(fuse_req_t request, fuse_ino_t inode, int, fuse_file_info*) {
        self(request).forward(request, inode, {.kind = RequestKind::Flush});
    }

    static void fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t bytes,
                          fuse_file_info*) {
        // The loop driver punches holes for discards and for "write zeroes, may unmap"; it zeroes
        // ranges for "write zeroes, stay allocated".
        RequestKind kind{};
        if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) {
            kind = RequestKind::Discard;
        } else if ((mode & FALLOC_FL_ZERO_RANGE) != 0) {
            kind = RequestKind::WriteZeros;
        } else {
            fuse_reply_err(request, EOPNOTSUPP);
            return;
        }
        self(request).forward(request, inode,
                              {.kind = kind,
                               .lba = static_cast<std::uint64_t>(offset),
                               .blocks = static_cast<std::uint64_t>(bytes)});
    }

    static fuse_lowlevel_ops table() {
        fuse_lowlevel_ops ops{};
        ops.init = init;
        ops.lookup = lookup;
        ops.getattr = getattr;
        ops.open = open;
        ops.release = release;
        ops.statfs = statfs;
        ops.read = read;
        ops.write = write;
        ops.fsync = fsync;
        ops.fallocate = fallocate;
        return ops;
    }
};

FuseExport::FuseExport(SlotPool& pool, std::uint16_t background)
    : pool_(pool), background_(background) {}

FuseExport::~FuseExport() {
    root_.reset();
    if (session_ != nullptr) fuse_session_destroy(session_);  // closes the device
}

base::Result<std::unique_ptr<FuseExport>> FuseExport::create(SlotPool& pool,
                                                             const std::string& source,
                                                             std::uint16_t background) {
    fuse_set_log_func(log_line);
    std::unique_ptr<FuseExport> made(new FuseExport(pool, background));
    ISCSI_TRY(os::FuseMount mount, os::mount_fuse(source, kDataBytesMax));
    made->root_ = std::move(mount.root);
    std::string name = "iscsi-userd";
    char* arguments[] = {name.data(), nullptr};
    fuse_args args = FUSE_ARGS_INIT(1, arguments);
    const fuse_lowlevel_ops ops = Callbacks::table();
    made->session_ = fuse_session_new(&args, &ops, sizeof ops, made.get());
    fuse_opt_free_args(&args);
    const auto path = fmt::format("/dev/fd/{}", mount.device.get());
    if (made->session_ == nullptr || fuse_session_mount(made->session_, path.c_str()) != 0) {
        return base::fail(base::ErrorCode::Internal, "libfuse refuses the FUSE device");
    }
    mount.device.release();  // libfuse's now
    return made;
}

int FuseExport::fd() const { return fuse_session_fd(session_); }

void FuseExport::set_file(std::uint32_t index, const ExportFile& file) {
    if (index >= places_.size()) places_.resize(index + 1);
    Place& place = places_[index];
    if (file.name.empty() && !place.file.name.empty()) ++place.ended;
    place.file = file;
}

const ExportFile* FuseExport::file_of(std::uint64_t inode) const {
    if (inode < kFirstInode || place_of(inode) >= places_.size()) return nullptr;
    const Place& place = places_[place_of(inode)];
    if (place.file.name.empty() || inode != inode_of(place_of(inode), place.ended)) return nullptr;
    return &place.file;
}

// `wanted` has bytes where the scheduler has blocks.
void FuseExport::forward(void* request, std::uint64_t inode, const Request& wanted) {
    const auto reply_error = [request](int error_number) {
        fuse_reply_err(static_cast<fuse_req_t>(request), error_number);
    };
    const ExportFile* file = file_of(inode);
    if (file == nullptr) return reply_error(EIO);
    const std::uint64_t start = wanted.lba;
    const std::uint64_t bytes = wanted.blocks;
    const bool writes = wanted.kind != RequestKind::Read && wanted.kind != RequestKind::Flush;
    if (writes && file->read_only) return reply_error(EROFS);
    if (start % file->block_bytes != 0 || bytes % file->block_bytes != 0) {
        return reply_error(EINVAL);
    }
    if (wanted.kind != RequestKind::Flush) {
        if (bytes == 0) return reply_error(EINVAL);
        if (start > file->bytes || bytes > file->bytes - start) return reply_error(ENOSPC);
    }
    if (pending_.size() <= slot_) pending_.resize(slot_ + 1);
    pending_[slot_] = {
        .request = request, .kind = wanted.kind, .bytes = static_cast<std::size_t>(bytes)};
    incoming_ = {.got = Got::ForScheduler, .slot = slot_, .request = wanted};
    incoming_.request.volume = static_cast<std::uint32_t>(place_of(inode));
    incoming_.request.lba = start / file->block_bytes;
    incoming_.request.blocks = bytes / file->block_bytes;
}

FuseExport::Incoming FuseExport::receive() {
    const auto slot = pool_.take();
    CHECK(slot.has_value());
    slot_ = *slot;
    fuse_buf message{};
    message.mem = pool_.buffer(slot_).data();
    message.size = kBufferBytes;
    const int count = fuse_session_receive_buf(session_, &message);
    incoming_ = {.got = Got::Answered};
    if (count > 0) {
        fuse_session_process_buf(session_, &message);
    } else if (count == -EAGAIN || count == -EINTR) {
        incoming_.got = Got::Nothing;
    } else {
        incoming_.got = Got::Ended;
    }
    if (incoming_.got != Got::ForScheduler) pool_.give_back(slot_);
    return incoming_;
}

void FuseExport::reply(Slot slot, int error_number) {
    Pending& pending = pending_[slot];
    const auto request = static_cast<fuse_req_t>(std::exchange(pending.request, nullptr));
    CHECK(request != nullptr);
    // The kernel may have given the request up (connection aborted): nothing to be done about it.
    if (error_number != 0) {
        fuse_reply_err(request, error_number);
    } else if (pending.kind == RequestKind::Read) {
        const auto data = pool_.data(slot).first(pending.bytes);
        fuse_reply_buf(request, static_cast<const char*>(static_cast<void*>(data.data())),
                       data.size());
    } else if (pending.kind == RequestKind::Write) {
        fuse_reply_write(request, pending.bytes);
    } else {
        fuse_reply_err(request, 0);
    }
    pool_.give_back(slot);
}

base::Result<os::Fd> FuseExport::open_file(const std::string& name) const {
    return os::open_in_mount(root_, name);
}

}  // namespace iscsi::userd
