// A thread with an executor for an actor that may block on the disk.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace strata::node {

class DiskThread {
 public:
  DiskThread() : work_(context_.get_executor()), thread_([this] { context_.run(); }) {}
  DiskThread(const DiskThread&) = delete;
  DiskThread& operator=(const DiskThread&) = delete;
  // Waits for what runs on it; its actor has ended.
  ~DiskThread() {
    work_.reset();
    thread_.join();
  }

  boost::asio::io_context::executor_type executor() { return context_.get_executor(); }

 private:
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace strata::node
