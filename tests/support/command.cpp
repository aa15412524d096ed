#include "tests/support/command.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ddpm {
namespace fs = std::filesystem;
namespace {

std::string slurp(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

void redirect(const fs::path& path, int descriptor) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (file >= 0) ::dup2(file, descriptor);
}

fs::path temporary_file() {
  std::string name = (fs::temp_directory_path() / "ddpm-command-XXXXXX").string();
  const int file = ::mkstemp(name.data());
  if (file < 0) throw std::runtime_error("cannot make " + name);
  ::close(file);
  return name;
}

void apply(const StandardStreams& streams) {
  const std::pair<int, int> pairs[] = {
      {streams.in, STDIN_FILENO}, {streams.out, STDOUT_FILENO}, {streams.err, STDERR_FILENO}};
  for (const auto& [given, descriptor] : pairs) {
    if (given >= 0) ::dup2(given, descriptor);
    if (given == StandardStreams::kClosed) ::close(descriptor);
  }
}

}  // namespace

size_t CommandResult::error_lines() const {
  return static_cast<size_t>(std::count(err.begin(), err.end(), '\n'));
}

BackgroundCommand::BackgroundCommand(const std::vector<std::string>& words, const fs::path& where,
                                     const StandardStreams& streams)
    : out_(temporary_file()),
      err_(temporary_file()) {
  std::vector<std::string> all{DDPM_BINARY};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> arguments;
  for (auto& word : all)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ != 0) return;
  redirect(out_, STDOUT_FILENO);
  redirect(err_, STDERR_FILENO);
  apply(streams);
  ::signal(SIGINT, SIG_DFL);  // a shell that starts the tests in the background has it ignored
  if (::chdir(where.c_str()) == 0) ::execv(DDPM_BINARY, arguments.data());
  ::_exit(127);
}

BackgroundCommand::~BackgroundCommand() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove(out_, ignored);
  fs::remove(err_, ignored);
}

void BackgroundCommand::send(int signal) const {
  ::kill(pid_, signal);
}

std::string BackgroundCommand::err() const {
  return slurp(err_);
}

bool BackgroundCommand::wait_until(const std::function<bool()>& happened) const {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!happened()) {
    siginfo_t state{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &state, WEXITED | WNOHANG | WNOWAIT);
    if (state.si_pid != 0) return happened();
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return true;
}

CommandResult BackgroundCommand::wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return {.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          .out = slurp(out_),
          .err = slurp(err_)};
}

CommandResult run_ddpm(const std::vector<std::string>& words, const fs::path& where) {
  return BackgroundCommand(words, where).wait();
}

}  // namespace ddpm
