// SPDX-License-Identifier: LGPL-2.1-or-later
// Files that passes everything on to another Files: the base of those that change one thing.
#pragma once

#include "os/files.hpp"

namespace iscsi::os {

class ForwardingFiles : public Files {
public:
    explicit ForwardingFiles(Files& next) : next_(next) {}

    Expected<std::string> read(const std::string& path, std::size_t max_bytes) override {
        return next_.read(path, max_bytes);
    }
    bool holds(const std::string& path, std::string_view text, std::uint32_t mode) override {
        return next_.holds(path, text, mode);
    }
    Expected<void> visit(const std::string& path, const Visit& take) override {
        return next_.visit(path, take);
    }
    Expected<std::vector<DirectoryEntry>> list(const std::string& path) override {
        return next_.list(path);
    }
    Expected<std::string> read_link(const std::string& path) override {
        return next_.read_link(path);
    }
    Expected<FileInfo> info(const std::string& path) override { return next_.info(path); }
    Expected<FileInfo> link_info(const std::string& path) override { return next_.link_info(path); }
    Expected<Fd> create(const std::string& path) override { return next_.create(path); }
    Expected<Fd> create_nameless(const std::string& directory) override {
        return next_.create_nameless(directory);
    }
    Expected<void> give_name(const Fd& file, const std::string& path) override {
        return next_.give_name(file, path);
    }
    Expected<void> write(const Fd& file, std::string_view text) override {
        return next_.write(file, text);
    }
    Expected<void> sync(const Fd& file) override { return next_.sync(file); }
    Expected<void> rewrite(const std::string& path, std::string_view text) override {
        return next_.rewrite(path, text);
    }
    Expected<void> rename(const std::string& from, const std::string& to) override {
        return next_.rename(from, to);
    }
    Expected<void> exchange(const std::string& a, const std::string& b) override {
        return next_.exchange(a, b);
    }
    Expected<void> unlink(const std::string& path) override { return next_.unlink(path); }
    Expected<void> make_directory(const std::string& path) override {
        return next_.make_directory(path);
    }
    Expected<void> remove_directory(const std::string& path) override {
        return next_.remove_directory(path);
    }
    Expected<void> make_link(const std::string& target, const std::string& path) override {
        return next_.make_link(target, path);
    }
    Expected<void> sync_directory(const std::string& path) override {
        return next_.sync_directory(path);
    }
    Expected<void> sync_file_system(const std::string& path) override {
        return next_.sync_file_system(path);
    }
    Expected<bool> on_one_mount(const std::string& a, const std::string& b) override {
        return next_.on_one_mount(a, b);
    }
    Expected<bool> is_abandoned(const std::string& path) override {
        return next_.is_abandoned(path);
    }

protected:
    Files& next() const { return next_; }

private:
    Files& next_;
};

}  // namespace iscsi::os
