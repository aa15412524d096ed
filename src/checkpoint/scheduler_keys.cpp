#include "ddpm/checkpoint/scheduler_keys.h"

#include <algorithm>
#include <array>

#include "ddpm/util/text.h"

namespace ddpm {
namespace {

using nlohmann::json;

struct Constructor {
  std::string_view class_name;
  std::string_view keys;  // with blanks between them
};

/// Of diffusers 0.42.1, printed by tests/reference/scheduler_keys.py.
constexpr auto kConstructors = std::to_array<Constructor>({
    {"DDPMScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas variance_type "
     "clip_sample prediction_type thresholding dynamic_thresholding_ratio "
     "clip_sample_range sample_max_value timestep_spacing steps_offset "
     "rescale_betas_zero_snr"},
    {"DDPMParallelScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas variance_type "
     "clip_sample prediction_type thresholding dynamic_thresholding_ratio "
     "clip_sample_range sample_max_value timestep_spacing steps_offset "
     "rescale_betas_zero_snr"},
    {"DDIMScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas clip_sample "
     "set_alpha_to_one steps_offset prediction_type thresholding "
     "dynamic_thresholding_ratio clip_sample_range sample_max_value timestep_spacing "
     "rescale_betas_zero_snr"},
    {"DDIMParallelScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas clip_sample "
     "set_alpha_to_one steps_offset prediction_type thresholding "
     "dynamic_thresholding_ratio clip_sample_range sample_max_value timestep_spacing "
     "rescale_betas_zero_snr"},
    {"DPMSolverMultistepScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas solver_order "
     "prediction_type thresholding dynamic_thresholding_ratio sample_max_value "
     "algorithm_type solver_type lower_order_final euler_at_final use_karras_sigmas "
     "use_exponential_sigmas use_beta_sigmas use_lu_lambdas use_flow_sigmas flow_shift "
     "final_sigmas_type lambda_min_clipped variance_type timestep_spacing steps_offset "
     "rescale_betas_zero_snr use_dynamic_shifting time_shift_type"},
    {"UniPCMultistepScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas solver_order "
     "prediction_type thresholding dynamic_thresholding_ratio sample_max_value predict_x0 "
     "solver_type lower_order_final disable_corrector solver_p use_karras_sigmas "
     "use_exponential_sigmas use_beta_sigmas use_flow_sigmas flow_shift timestep_spacing "
     "steps_offset final_sigmas_type rescale_betas_zero_snr use_dynamic_shifting "
     "time_shift_type sigma_min sigma_max shift_terminal"},
    {"DEISMultistepScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas solver_order "
     "prediction_type thresholding dynamic_thresholding_ratio sample_max_value "
     "algorithm_type solver_type lower_order_final use_karras_sigmas "
     "use_exponential_sigmas use_beta_sigmas use_flow_sigmas flow_shift timestep_spacing "
     "steps_offset use_dynamic_shifting time_shift_type"},
    {"EulerDiscreteScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas prediction_type "
     "interpolation_type use_karras_sigmas use_exponential_sigmas use_beta_sigmas "
     "sigma_min sigma_max timestep_spacing timestep_type steps_offset "
     "rescale_betas_zero_snr final_sigmas_type"},
    {"EulerAncestralDiscreteScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas prediction_type "
     "timestep_spacing steps_offset rescale_betas_zero_snr"},
    {"HeunDiscreteScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas prediction_type "
     "use_karras_sigmas use_exponential_sigmas use_beta_sigmas clip_sample "
     "clip_sample_range timestep_spacing steps_offset"},
    {"PNDMScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas skip_prk_steps "
     "set_alpha_to_one prediction_type timestep_spacing steps_offset"},
    {"LMSDiscreteScheduler", "args kwargs"},
    {"DPMSolverSinglestepScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas solver_order "
     "prediction_type thresholding dynamic_thresholding_ratio sample_max_value "
     "algorithm_type solver_type lower_order_final use_karras_sigmas "
     "use_exponential_sigmas use_beta_sigmas use_flow_sigmas flow_shift final_sigmas_type "
     "lambda_min_clipped variance_type use_dynamic_shifting time_shift_type"},
    {"KDPM2DiscreteScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas "
     "use_karras_sigmas use_exponential_sigmas use_beta_sigmas prediction_type "
     "timestep_spacing steps_offset"},
    {"KDPM2AncestralDiscreteScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas "
     "use_karras_sigmas use_exponential_sigmas use_beta_sigmas prediction_type "
     "timestep_spacing steps_offset"},
    {"SASolverScheduler",
     "num_train_timesteps beta_start beta_end beta_schedule trained_betas predictor_order "
     "corrector_order prediction_type tau_func thresholding dynamic_thresholding_ratio "
     "sample_max_value algorithm_type lower_order_final use_karras_sigmas "
     "use_exponential_sigmas use_beta_sigmas use_flow_sigmas flow_shift lambda_min_clipped "
     "variance_type timestep_spacing steps_offset"},
    {"EDMEulerScheduler",
     "sigma_min sigma_max sigma_data sigma_schedule num_train_timesteps prediction_type "
     "rho final_sigmas_type"},
    {"EDMDPMSolverMultistepScheduler",
     "sigma_min sigma_max sigma_data sigma_schedule num_train_timesteps prediction_type "
     "rho solver_order thresholding dynamic_thresholding_ratio sample_max_value "
     "algorithm_type solver_type lower_order_final euler_at_final final_sigmas_type"},
    {"FlowMatchEulerDiscreteScheduler",
     "num_train_timesteps shift use_dynamic_shifting base_shift max_shift "
     "base_image_seq_len max_image_seq_len invert_sigmas shift_terminal use_karras_sigmas "
     "use_exponential_sigmas use_beta_sigmas time_shift_type stochastic_sampling"},
});

}  // namespace

json own_scheduler_keys(const json& object, std::string_view class_name) {
  const auto* const row = std::ranges::find(kConstructors, class_name, &Constructor::class_name);
  if (row == kConstructors.end()) return object;
  const auto known = split(row->keys, ' ');
  json own = json::object();
  for (const auto& [key, value] : object.items())
    if (key.starts_with('_') || std::ranges::find(known, key) != known.end()) own[key] = value;
  return own;
}

}  // namespace ddpm
