#include "net/reply_sender.hpp"

#include <utility>

#include "net/frames.hpp"

namespace strata::net {

void ReplySender::send(wire::ClientReply reply, TimePoint now) {
  wire::encode_client_reply(reply, frames_);
  const Bytes identity(frames_.frames.front());
  // Behind those that already wait for the same client: one look at a full pipe a round is enough.
  const auto waiting = kept_.find(identity);
  if (waiting == kept_.end() && try_send()) {
    return;
  }
  ++counters_.kept;
  kept_bytes_ += size_of(reply);
  kept_[identity].push_back(Kept{std::move(reply), now + patience_});
}

void ReplySender::retry(TimePoint now) {
  for (auto client = kept_.begin(); client != kept_.end();) {
    Queue& queue = client->second;
    while (!queue.empty()) {
      wire::encode_client_reply(queue.front().reply, frames_);
      if (!try_send()) {
        break;
      }
      drop_front(queue);
    }
    while (!queue.empty() && queue.front().until <= now) {
      ++counters_.timed_out;
      drop_front(queue);
    }
    client = queue.empty() ? kept_.erase(client) : std::next(client);
  }
}

std::size_t ReplySender::kept_replies() const {
  std::size_t total = 0;
  for (const auto& [identity, queue] : kept_) {
    total += queue.size();
  }
  return total;
}

bool ReplySender::try_send() {
  const SendResult result = send_frames(socket_, frames_.frames);
  if (result == SendResult::full) {
    return false;
  }
  ++(result == SendResult::sent ? counters_.sent : counters_.client_gone);
  return true;
}

void ReplySender::drop_front(Queue& queue) {
  kept_bytes_ -= size_of(queue.front().reply);
  queue.pop_front();
}

}  // namespace strata::net
